"""A tiny multilingual classifier that really learned something, and its data: built once per session."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from leanglot.artifacts import make_artifact
from leanglot.config import CandidateConfig
from leanglot.models.text_classifier import TextClassifier, load_text_classifier
from leanglot.quantizers import Making
from leanglot.quiet import quiet_transformers
from tiny_models import LABELS, make_model
from tiny_rows import FILLERS, LANGUAGES, rows, words_of

# How long an example takes says nothing on a busy machine; and a change must not fail on luck it did not bring.
settings.register_profile(
    "leanglot",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("leanglot")

_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def make_tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer with XLM-R's special tokens."""
    words = [f"filler-{number}" for number in range(FILLERS)]
    words += [word for language in LANGUAGES for label in LABELS for word in words_of(language, label)]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(_SPECIAL + words)}, unk_token="<unk>"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",  # noqa: S106
        unk_token="<unk>",  # noqa: S106
        model_max_length=32,
    )


def train(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, examples: Sequence[dict[str, str]]) -> None:
    """A few steps, enough to be right most of the time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a model gains nothing from more, and they wait for each other
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    inputs = tokenizer([row["text"] for row in examples], padding=True, return_tensors="pt")
    labels = torch.tensor([LABELS.index(row["label"]) for row in examples])
    model.train()
    for _ in range(40):
        loss = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    torch.set_num_threads(threads)


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> Path:
    with quiet_transformers():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained tiny XLM-R classifier; copy it before changing it."""
    tokenizer = make_tokenizer()
    model = make_model("xlm-roberta", len(tokenizer))
    train(model, tokenizer, rows(dict.fromkeys(LANGUAGES, 120), seed=1))
    return save(model, tokenizer, tmp_path_factory.mktemp("models") / "tiny-xlmr")


@pytest.fixture(scope="session", params=["xlm-roberta", "bert", "distilbert"])
def any_family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an untrained tiny model of each supported family."""
    tokenizer = make_tokenizer()
    model = make_model(request.param, len(tokenizer))
    return save(model, tokenizer, tmp_path_factory.mktemp("families") / request.param)


@pytest.fixture(scope="session")
def tiny_rows() -> list[dict[str, str]]:
    """Labelled sentences the tiny model did not see."""
    return rows(LANGUAGES, seed=2)


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory, tiny_rows: list[dict[str, str]]) -> Path:
    """The same as a JSONL file."""
    path = tmp_path_factory.mktemp("data") / "tiny.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in tiny_rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_classifier(tiny_model: Path) -> TextClassifier:
    """The tiny model, loaded; no test may change it."""
    return load_text_classifier(tiny_model)


@pytest.fixture(scope="session")
def torch_artifact(tiny_classifier: TextClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact of the tiny model for PyTorch; copy it before changing it."""
    folder = tmp_path_factory.mktemp("torch-artifact")
    make_artifact(tiny_classifier, CandidateConfig(name="plain-torch", runtime="pytorch"), folder, Making())
    return folder


@pytest.fixture(scope="session")
def onnx_artifact(tiny_classifier: TextClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact of the tiny model for ONNX Runtime; copy it before changing it."""
    folder = tmp_path_factory.mktemp("onnx-artifact")
    make_artifact(tiny_classifier, CandidateConfig(name="plain-onnx"), folder, Making())
    return folder
