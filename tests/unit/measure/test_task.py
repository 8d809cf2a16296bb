"""What a model in a folder is for, told from its files alone."""

import json

import pytest

from leanglot.errors import ModelError
from leanglot.measure.task import task_of


@pytest.mark.parametrize(
    ("config", "task"),
    [
        ({"is_encoder_decoder": True}, "translation"),
        ({"is_encoder_decoder": False}, "text-classification"),
        ({"model_type": "bert"}, "text-classification"),
        (["no", "config"], "text-classification"),
    ],
)
def test_an_encoder_decoder_translates(tmp_path, config, task):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert task_of(tmp_path) == task


@pytest.mark.parametrize("content", [None, b"{", b"\xff"])
def test_whoever_loads_a_broken_folder_says_what_is_wrong(tmp_path, content):
    if content is not None:
        (tmp_path / "config.json").write_bytes(content)
    assert task_of(tmp_path) == "text-classification"


def test_an_artifact_says_it_itself(onnx_artifact):
    assert task_of(onnx_artifact) == "text-classification"


def test_an_artifact_whose_manifest_is_broken_is_refused(tmp_path):
    (tmp_path / "leanglot.json").write_text("{}")
    with pytest.raises(ModelError):
        task_of(tmp_path)
