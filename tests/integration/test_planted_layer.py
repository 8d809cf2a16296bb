"""Repair on a model in which one layer's weights have outliers that ruin per-tensor INT8 for one language."""

import random
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch.func import functional_call
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoTokenizer, XLMRobertaForSequenceClassification

from leanglot.compress import int8
from leanglot.compress.undo import compare, open_undone
from leanglot.export.onnx import export_onnx
from leanglot.measure.subject import in_memory
from leanglot.models.text_classifier import load_text_classifier
from leanglot.quiet import quiet_transformers
from leanglot.runtimes.classifier import Classifier
from leanglot.techniques import Int8
from leanglot.tune.divergence import Probes
from leanglot.tune.repair import Judged, repair

LABELS, LANGUAGES = ("lights", "music", "weather"), ("de", "en", "sw", "th")
VICTIM = "th"
BLOCK = "roberta.encoder.layer"
OUTLIER = 1000.0
MOST_STEPS = 600
TENSOR, CHANNEL = (Int8(per_channel=per_channel, reduce_range=True) for per_channel in (False, True))


@dataclass(frozen=True)
class Plant:
    """Where outliers go.

    Attributes:
        layer: The linear layer whose weights get them.
        silent: Parameters whose first row is zero, so that the layer's first input always is.
        seed: Seed of the training.
    """

    layer: str
    silent: tuple[str, ...]
    seed: int


PLANTS = [
    Plant(f"{BLOCK}.1.intermediate.dense", (f"{BLOCK}.1.attention.output.LayerNorm",), seed=0),
    Plant(f"{BLOCK}.0.output.dense", (f"{BLOCK}.0.intermediate.dense",), seed=1),
    Plant(f"{BLOCK}.0.attention.output.dense", (f"{BLOCK}.0.attention.self.value",), seed=2),
]


def sentences(counts, seed):
    """Text, label and language: one telling word among a few others."""
    rng = random.Random(seed)
    made = []
    for language, count in counts.items():
        for number in range(count):
            label = number % len(LABELS)
            words = [f"filler-{rng.randrange(400)}" for _ in range(rng.randint(1, 4))]
            words.insert(rng.randrange(len(words) + 1), f"{language}-{LABELS[label]}-{rng.randrange(8)}")
            made.append((" ".join(words), label, language))
    return made


def train(model, tokenizer, plant):
    """Train the model so that what it knows of the victim goes through one layer.

    Without that layer's weights it is to answer right in all other languages, and wrong in the victim's; the layer's
    first input is zero throughout.
    """
    examples = sentences({tag: 640 if tag == VICTIM else 320 for tag in LANGUAGES}, plant.seed)
    batch = tokenizer([text for text, _, _ in examples], padding=True, return_tensors="pt")
    right = torch.tensor([label for _, label, _ in examples])
    victim = torch.tensor([language == VICTIM for _, _, language in examples])
    without = torch.where(victim, (right + 1) % len(LABELS), right)
    silent = [parameter for name in plant.silent for parameter in model.get_submodule(name).parameters()]
    weight = f"{plant.layer}.weight"
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    recent = 1.0
    for _ in range(MOST_STEPS):
        if recent < 0.03:
            break
        with torch.no_grad():
            for parameter in silent:
                parameter[0] = 0.0
        few = torch.randperm(len(examples))[:80]
        inputs = {name: batch[name][few] for name in ("input_ids", "attention_mask")}
        loss = cross_entropy(model(**inputs).logits, right[few])
        nothing = {weight: torch.zeros_like(model.get_parameter(weight))}
        loss = loss + cross_entropy(functional_call(model, nothing, (), inputs).logits, without[few])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        recent = 0.9 * recent + 0.1 * loss.item()
    with torch.no_grad():
        for parameter in silent:
            parameter[0] = 0.0


def saved(model, tokenizer, folder):
    with quiet_transformers():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return load_text_classifier(folder)


@pytest.fixture(scope="module", params=PLANTS, ids=lambda plant: plant.layer)
def planted(request, tiny_model, tmp_path_factory):
    """The plant, the model as it was trained, and the same with outliers in the layer's weights."""
    folder, plant = tmp_path_factory.mktemp("planted"), request.param
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(plant.seed)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = XLMRobertaForSequenceClassification(AutoConfig.from_pretrained(tiny_model)).eval()
    train(model, tokenizer, plant)
    torch.set_num_threads(threads)
    plain = saved(model, tokenizer, folder / "plain")
    with torch.no_grad():
        model.get_submodule(plant.layer).weight[3, 0] = OUTLIER  # meets an input that is always zero
    return plant, plain, saved(model, tokenizer, folder / "planted")


def quantized(model, folder, config):
    """The FP32 graph of a model and a quantized one, in a folder."""
    places = folder / "fp32", folder / "int8"
    for place in places:
        place.mkdir(parents=True)
    export_onnx(model, places[0])
    int8.quantize(*places, config)
    return places


def repaired(model, folder, config):
    """Repair on examples of the languages, ranked on others."""
    baseline, undoing = in_memory(model, threads=1), compare(*quantized(model, folder, config))
    (texts, labels, languages), (others, _, tags) = (
        zip(*sentences({tag: 150 if tag == VICTIM else 60 for tag in LANGUAGES}, seed), strict=True)
        for seed in (101, 102)
    )
    rows, expected = baseline.encode(texts).rows, np.array(labels)
    judged = Judged(
        rows=rows,
        languages=languages,
        expected=expected,
        baseline=baseline.logits(rows).argmax(axis=1) == expected,
    )

    def make(layers):
        return Classifier(baseline.manifest, baseline.tokenizer, open_undone(undoing, layers, threads=1))

    probes = Probes(baseline.encode(others).rows, tags)
    return judged, repair(make, undoing.layers, baseline, judged, probes)


def test_the_outliers_change_nothing_before_quantization(planted):
    _, plain, outlying = planted
    texts = [text for text, _, _ in sentences(dict.fromkeys(LANGUAGES, 30), seed=5)]
    before, after = (in_memory(model, threads=1) for model in (plain, outlying))
    rows = before.encode(texts).rows
    assert before.logits(rows) == pytest.approx(after.logits(rows), abs=1e-5)


def test_repair_finds_the_planted_layer_and_heals_the_language(planted, tmp_path):
    plant, _, outlying = planted
    judged, done = repaired(outlying, tmp_path, TENSOR)
    assert judged.baseline.mean() > 0.95
    assert done.harmed_before == (VICTIM,)
    assert done.before[VICTIM].drop > 0.5
    best, second = done.ranking[:2]
    assert best.layer == plant.layer
    assert best.score > 10 * abs(second.score)
    assert (done.ended, done.layers, done.harmed_after) == ("repaired", (plant.layer,), ())
    assert done.after[VICTIM].drop < 0.02


def test_there_is_nothing_to_find_without_the_outliers(planted, tmp_path):
    _, plain, _ = planted
    assert repaired(plain, tmp_path, TENSOR)[1].ended == "not-needed"


def test_a_scale_per_channel_confines_the_outlier(planted, tmp_path):
    _, _, outlying = planted
    assert repaired(outlying, tmp_path, CHANNEL)[1].ended == "not-needed"
