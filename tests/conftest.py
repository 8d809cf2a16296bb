"""A tiny multilingual classifier that really learned something, and its data: built once per session."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from leanglot.artifacts import make_artifact
from leanglot.config import CandidateConfig
from leanglot.models.text_classifier import TextClassifier, load_text_classifier
from leanglot.quantizers import Making
from tiny_models import make_model
from tiny_rows import LANGUAGES, rows
from tiny_trained import make_tokenizer, save, train

# How long an example takes says nothing on a busy machine; and a change must not fail on luck it did not bring.
settings.register_profile(
    "leanglot",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("leanglot")


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
