"""Models whose layers differ in shape come back from disk as they were, and damaged ones are refused."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForSequenceClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
)

from leanglot.compress.slicing import drop_layers, slice_heads, slice_neurons
from leanglot.errors import ModelError
from leanglot.models.sliced import STRUCTURE_KEY, build_module, is_sliced, load_sliced
from leanglot.models.structure import blocks_of, heads_of, neurons_of
from leanglot.models.text_classifier import load_text_classifier, save_text_classifier
from leanglot.models.torch_quantized import load_quantized, quantize_classifier, save_quantized
from leanglot.results.manifest import Manifest, write_manifest
from leanglot.results.shaping import PruningFacts, VocabularyFacts
from leanglot.runtimes.pytorch import open_predictor
from leanglot.techniques import HalfPrecision, Int8, WeightOnly

HEADS, NEURONS = ((1, 2), (3,)), (tuple(range(0, 64, 3)), tuple(range(7)))
ROWS = np.random.default_rng(0).integers(4, 400, size=(3, 9))
MASK = np.asarray([(1,) * 9, (1,) * 4 + (0,) * 5, (0, 0) + (1,) * 7])


def cut(model):
    return slice_neurons(slice_heads(model, HEADS), NEURONS)


def logits(module):
    with torch.inference_mode():
        return module(input_ids=torch.from_numpy(ROWS), attention_mask=torch.from_numpy(MASK)).logits


def shape(module):
    return [(heads_of(module, block), neurons_of(module, block)) for block in blocks_of(module)]


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


def rewrite_config(folder, **changes):
    (folder / "config.json").write_text(json.dumps(config_of(folder) | changes))


@pytest.fixture(scope="module")
def sliced(tiny_classifier):
    return cut(tiny_classifier)


@pytest.fixture
def folder(sliced, tmp_path):
    save_text_classifier(sliced, tmp_path)
    return tmp_path


def test_a_model_of_any_family_comes_back_as_it_was(any_family, tmp_path):
    model = cut(load_text_classifier(any_family))
    save_text_classifier(model, tmp_path)
    loaded = load_text_classifier(tmp_path)
    assert is_sliced(tmp_path)
    assert not is_sliced(any_family)
    assert shape(loaded.module) == shape(model.module) == [(2, 22), (1, 7)]
    assert torch.equal(logits(loaded.module), logits(model.module))
    assert not loaded.module.training
    assert {weight.dtype for weight in loaded.module.parameters()} == {torch.float32}
    again = drop_layers(slice_neurons(loaded, ((0, 1), (3,))), (0,))
    assert shape(again.module) == [(2, 2)]


def test_modernbert_comes_back_as_it_was(tiny_classifier, tmp_path):
    special = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "cls_token_id": 0, "sep_token_id": 2}
    config = ModernBertConfig(
        vocab_size=500,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=40,
        local_attention=4,
        num_labels=3,
        id2label=dict(enumerate(tiny_classifier.labels)),
        **special,
    )
    torch.manual_seed(0)
    model = replace(tiny_classifier, module=ModernBertForSequenceClassification(config).eval())
    model = cut(drop_layers(model, (0, 2)))
    save_text_classifier(model, tmp_path)
    loaded = load_text_classifier(tmp_path)
    assert shape(loaded.module) == [(2, 22), (1, 7)]
    assert torch.equal(logits(loaded.module), logits(model.module))


def test_the_config_says_what_transformers_cannot(folder):
    config = config_of(folder)
    assert config[STRUCTURE_KEY] == {"heads": [2, 1], "neurons": [22, 7]}
    assert (config["num_hidden_layers"], config["num_attention_heads"], config["intermediate_size"]) == (2, 4, 22)


def test_plain_transformers_loads_equal_neurons_and_fewer_layers(tiny_classifier, tmp_path):
    model = drop_layers(slice_neurons(tiny_classifier, ((0, 5, 63), (1, 2, 3))), (1,))
    save_text_classifier(model, tmp_path)
    config = config_of(tmp_path)
    assert STRUCTURE_KEY not in config
    assert (config["num_hidden_layers"], config["intermediate_size"]) == (1, 3)
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    assert torch.equal(logits(plain), logits(model.module))
    assert torch.equal(logits(load_text_classifier(tmp_path).module), logits(model.module))


def test_plain_transformers_does_not_load_what_it_would_get_wrong(folder):
    with pytest.raises(RuntimeError, match="size"):
        AutoModelForSequenceClassification.from_pretrained(folder)


def test_a_structure_that_is_regular_again_is_not_told(sliced):
    config = drop_layers(sliced, (1,)).module.config
    assert getattr(config, STRUCTURE_KEY) == {"heads": [1]}
    assert config.intermediate_size == 7
    assert getattr(sliced.module.config, STRUCTURE_KEY) == {"heads": [2, 1], "neurons": [22, 7]}


def test_a_structure_of_neurons_alone_vanishes_with_them(tiny_classifier):
    uneven = slice_neurons(tiny_classifier, ((0, 1), (3,)))
    assert getattr(uneven.module.config, STRUCTURE_KEY) == {"neurons": [2, 1]}
    assert not hasattr(drop_layers(uneven, (0,)).module.config, STRUCTURE_KEY)
    assert not hasattr(tiny_classifier.module.config, STRUCTURE_KEY)


def test_old_names_of_weights_are_understood(any_family, tmp_path):
    """transformers saves a model under the names that it was loaded from."""
    shutil.copytree(any_family, tmp_path / "old")
    tensors = load_file(tmp_path / "old" / "model.safetensors")
    renamed = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in tensors.items()
    }
    save_file(renamed, tmp_path / "old" / "model.safetensors", metadata={"format": "pt"})
    model = cut(load_text_classifier(tmp_path / "old"))
    save_text_classifier(model, tmp_path / "new")
    assert torch.equal(logits(load_text_classifier(tmp_path / "new").module), logits(model.module))


def test_weights_in_half_precision_are_loaded_in_single(folder):
    tensors = {name: tensor.half() for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    loaded = load_text_classifier(folder)
    assert {weight.dtype for weight in loaded.module.parameters()} == {torch.float32}
    assert "F16" in loaded.notes[0]


def test_the_runtime_opens_it(sliced, folder):
    predictor = open_predictor(folder, manifest(), threads=1)
    np.testing.assert_array_equal(predictor.logits(ROWS, MASK), logits(sliced.module).numpy())


@pytest.mark.parametrize(
    "step",
    [
        Int8(reduce_range=False),
        WeightOnly(bits=8),
        WeightOnly(bits=4, keep=("classifier.*",)),
        HalfPrecision(dtype="fp16"),
        HalfPrecision(dtype="bf16", keep=("roberta.encoder.layer.0.*",)),
    ],
)
def test_it_can_be_quantized_and_comes_back_as_it_was(sliced, tmp_path, step):
    model = quantize_classifier(sliced, step)
    save_quantized(model, tmp_path)
    assert torch.equal(logits(load_quantized(tmp_path, step)), logits(model.module))
    predictor = open_predictor(tmp_path, manifest(step), threads=1)
    np.testing.assert_array_equal(predictor.logits(ROWS, MASK), logits(model.module).float().numpy())


def test_an_artifact_tells_what_was_done_to_it(sliced, folder):
    pruning = (PruningFacts(technique="heads", target=0.5, actual=0.625, removed=5, total=8, kept_by_layer=(2, 1)),)
    texts = VocabularyFacts(
        languages=("de",), pieces_before=900, pieces_after=500, texts={"de": 9}, expected_missing={"de": 0.1}
    )
    write_manifest(folder, manifest().model_copy(update={"pruning": pruning, "vocabulary": texts}))
    loaded = load_text_classifier(folder)
    assert (loaded.pruning, loaded.vocabulary) == (pruning, texts)
    assert (sliced.pruning, sliced.vocabulary) == ((), None)


def manifest(*recipe):
    return Manifest(
        name="sliced",
        runtime="pytorch",
        model_file="model.safetensors",
        labels=("lights", "music", "weather"),
        max_length=32,
        pad_id=1,
        recipe=recipe,
        source="0",
    )


@pytest.mark.parametrize(
    ("structure", "told"),
    [
        ({"heads": [2, 1], "neurons": [22, 10**15]}, "up to 1,000,000,000,000,000 in a layer, and the config allows"),
        ({"heads": [5, 1], "neurons": [22, 7]}, "heads gives up to 5 in a layer, and the config allows 4"),
        ({"heads": [2], "neurons": [22, 7]}, "heads gives 1 layers, and the model has 2"),
        ({"heads": [2, 1], "neurons": [22, 7, 1]}, "neurons gives 3 layers"),
        ({"heads": [0, 1]}, f"{STRUCTURE_KEY}.heads.0"),
        ({"heads": [-2, 1]}, f"{STRUCTURE_KEY}.heads.0"),
        ({"heads": [True, 1]}, f"{STRUCTURE_KEY}.heads.0"),
        ({"heads": [2.0, 1]}, f"{STRUCTURE_KEY}.heads.0"),
        ({"heads": ["2", 1]}, f"{STRUCTURE_KEY}.heads.0"),
        ({"heads": "21"}, f"{STRUCTURE_KEY}.heads"),
        ({"heads": {"0": 2}}, f"{STRUCTURE_KEY}.heads"),
        ({"experts": [2, 1]}, f"{STRUCTURE_KEY}.experts"),
        ([2, 1], STRUCTURE_KEY),
        ("2,1", STRUCTURE_KEY),
        (7, STRUCTURE_KEY),
        ({"heads": [1, 1], "neurons": [22, 7]}, "does not fit config.json"),
        ({"heads": [2, 1], "neurons": [22, 8]}, "does not fit config.json"),
        ({}, "does not fit config.json"),
    ],
)
def test_a_structure_that_does_not_fit_is_refused(folder, structure, told):
    rewrite_config(folder, **{STRUCTURE_KEY: structure})
    for load in (load_text_classifier, load_sliced, lambda path: open_predictor(path, manifest(), 1)):
        with pytest.raises(ModelError, match=told):
            load(folder)


def test_a_structure_that_does_not_fit_a_quantized_artifact_is_refused(sliced, tmp_path):
    step = Int8(reduce_range=False)
    save_quantized(quantize_classifier(sliced, step), tmp_path)
    rewrite_config(tmp_path, **{STRUCTURE_KEY: {"heads": [2, 2]}})
    with pytest.raises(ModelError, match="Make the artifact again"):
        load_quantized(tmp_path, step)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model_type": "albert"}, "share one set of weights"),
        ({"num_hidden_layers": 3}, "heads gives 2 layers, and the model has 3"),
        ({"num_hidden_layers": "many"}, "transformers cannot build a model"),
    ],
)
def test_a_config_that_does_not_fit_its_structure_is_refused(folder, changes, told):
    rewrite_config(folder, **changes)
    with pytest.raises(ModelError, match=told):
        build_module(folder)


def test_building_takes_no_memory_for_what_is_cut(folder):
    module = build_module(folder)
    assert shape(module) == [(2, 22), (1, 7)]
    assert {weight.device.type for weight in module.roberta.encoder.layer[0].output.dense.parameters()} == {"meta"}


def test_damaged_weights_are_refused(folder):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    name = "roberta.encoder.layer.0.output.dense.weight"
    save_file({key: tensor for key, tensor in tensors.items() if key != name}, path)
    with pytest.raises(ModelError, match=name):
        load_text_classifier(folder)
    save_file(tensors | {"more": torch.zeros(1)}, path)
    with pytest.raises(ModelError, match="more"):
        load_text_classifier(folder)
    save_file(tensors | {name: tensors[name] * torch.nan}, path)
    with pytest.raises(ModelError, match="NaN or infinity"):
        load_text_classifier(folder)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be read"):
        load_sliced(folder)
    path.unlink()
    with pytest.raises(ModelError, match=r"has no model\.safetensors"):
        load_sliced(folder)


def test_pickled_weights_are_not_read(sliced, folder):
    torch.save(sliced.module.state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"has no model\.safetensors"):
        load_text_classifier(folder, allow_pickle=True)


@pytest.mark.parametrize("content", ["{", "[]", "null", "\udcff"])
def test_a_config_that_cannot_be_read_is_not_sliced(tmp_path, content):
    assert not is_sliced(tmp_path)
    (tmp_path / "config.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert not is_sliced(tmp_path)
