"""Translation models whose layers differ in shape: loaded from disk as they were saved, and refused when damaged."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSeq2SeqLM

from leanglot.compress.seq2seq_importance import units_of
from leanglot.compress.seq2seq_slicing import slice_units
from leanglot.errors import ModelError
from leanglot.models.seq2seq_structure import attentions_of, count_of, feed_forwards_of
from leanglot.models.sliced import STRUCTURE_KEY, is_sliced
from leanglot.models.translation_model import load_translation_model, save_translation_model
from leanglot.quiet import quiet_transformers
from seq2seq_shapes import HEADS, KINDS, NEURONS, answers, many_layered


def sliced(kind, *, even_neurons=False):
    """Heads and neurons cut, differently in each layer where the family allows it."""
    model = many_layered(kind)
    keep = [
        (1, 2) if units.tied else tuple(range(place % 3, HEADS))
        for place, units in enumerate(units_of(model.module, "heads"))
    ]
    model = replace(model, module=slice_units(model, "heads", keep))
    count = len(units_of(model.module, "ffn"))
    neurons = [tuple(range(0 if even_neurons else place, NEURONS, 2)) for place in range(count)]
    return replace(model, module=slice_units(model, "ffn", neurons))


@pytest.mark.parametrize("kind", KINDS)
def test_a_sliced_model_is_loaded_as_it_was_saved(kind, tmp_path):
    model = sliced(kind)
    save_translation_model(model, tmp_path / "model")
    assert is_sliced(tmp_path / "model")
    loaded = load_translation_model(tmp_path / "model")
    assert torch.equal(answers(loaded), answers(model))
    for units in (*attentions_of(model.module), *feed_forwards_of(model.module)):
        assert count_of(loaded.module, units) == count_of(model.module, units)
    tied = {id(weight) for weight in loaded.module.parameters()}
    assert len(tied) == len({id(weight) for weight in model.module.parameters()}), "tied tables stay one"


@pytest.mark.parametrize("kind", ["marian", "t5"])
def test_a_loaded_sliced_model_generates_as_before(kind, tmp_path):
    model = sliced(kind)
    save_translation_model(model, tmp_path / "model")
    loaded = load_translation_model(tmp_path / "model")
    ids = torch.tensor([[5, 7, 9, model.facts.eos_id]])
    expected, found = (
        each.module.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, do_sample=False)
        for each in (model, loaded)
    )
    assert torch.equal(expected, found)


def test_even_cuts_of_t5_are_loaded_by_plain_transformers(tmp_path):
    model = sliced("t5", even_neurons=True)
    save_translation_model(model, tmp_path / "model")
    assert not is_sliced(tmp_path / "model")
    with quiet_transformers():
        plain = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "model").eval()
    assert plain.config.num_heads == 2
    assert plain.config.d_ff == NEURONS // 2
    assert torch.equal(answers(model, plain), answers(model))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"heads": {"encoder": [4, 4]}}, "heads.encoder gives 2 layers, and the model has 3"),
        ({"heads": {"cross": [9, 4]}}, "heads.cross gives 9 in a layer, and the config allows 4"),
        ({"neurons": {"decoder": [0, 4]}}, "greater than or equal to 1"),
        ({"neurons": {"cross": [4, 4]}}, "neurons.cross"),
        ({"heads": [4, 4, 4]}, "valid dictionary"),
        ({"heads": {"encoder": [2, 2, 2]}}, "does not fit config.json"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_damaged_structure_is_told(change, told, tmp_path):
    save_translation_model(sliced("marian"), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config[STRUCTURE_KEY] |= change
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=told):
        load_translation_model(tmp_path)


@pytest.mark.parametrize("fault", ["lacks", "too many"])
def test_weights_that_do_not_belong_are_told(fault, tmp_path):
    save_translation_model(sliced("marian"), tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    if fault == "lacks":
        del tensors["model.decoder.layers.0.fc1.weight"]
    else:
        tensors["model.decoder.layers.7.fc1.weight"] = torch.zeros(1)
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=rf"{fault}.*" if fault == "lacks" else rf".*{fault}"):
        load_translation_model(tmp_path)
