"""Models in which one layer's weights have outliers that ruin per-tensor INT8 for one language."""

import random
from dataclasses import dataclass

import torch
from torch.func import functional_call
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoTokenizer, XLMRobertaForSequenceClassification

from leanglot.models.text_classifier import load_text_classifier
from leanglot.quiet import quiet_transformers
from leanglot.techniques import Int8

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


def plant_models(plant, tiny_model, folder):
    """The model as it was trained, and the same with outliers in the layer's weights, each saved under the folder."""
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
    return plain, saved(model, tokenizer, folder / "planted")
