"""A module and a tokenizer that the caller loaded: joined, checked, left as they are."""

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from leanglot.errors import ModelError
from leanglot.measure.subject import in_memory
from leanglot.models.given import text_classifier_of
from leanglot.models.text_classifier import load_text_classifier
from tiny_models import make_model


@pytest.fixture
def loaded(tiny_model):
    return AutoModelForSequenceClassification.from_pretrained(tiny_model), AutoTokenizer.from_pretrained(tiny_model)


def test_it_answers_as_the_folder_does(loaded, tiny_model):
    joined, read = text_classifier_of(*loaded), load_text_classifier(tiny_model)
    assert (joined.labels, joined.max_length, joined.pad_id) == (read.labels, read.max_length, read.pad_id)
    texts = ["filler-1 filler-2", "de-music-3"]
    assert in_memory(joined, 1).predict(texts) == in_memory(read, 1).predict(texts)
    assert joined.name == tiny_model.name


def test_the_weights_are_shared_and_not_copied(loaded):
    joined = text_classifier_of(*loaded)
    assert joined.module is not loaded[0]
    theirs, ours = next(loaded[0].parameters()), next(joined.module.parameters())
    assert theirs.data_ptr() == ours.data_ptr()


def test_a_tokenizer_of_the_tokenizers_library_is_taken_as_well(loaded, tiny_model):
    fast = Tokenizer.from_file(str(tiny_model / "tokenizer.json"))
    assert text_classifier_of(loaded[0], fast).max_length == 38  # the model's positions


def test_a_tokenizer_without_a_fast_one_is_refused(loaded):
    with pytest.raises(ModelError, match="The tokenizer is a dict, which holds no fast tokenizer"):
        text_classifier_of(loaded[0], {})


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(loaded):
    with pytest.raises(ModelError, match="the model knows 10 tokens"):
        text_classifier_of(make_model("xlm-roberta", 10), loaded[1])


def test_a_module_elsewhere_than_on_the_cpu_is_refused(loaded):
    with torch.device("meta"):
        elsewhere = make_model("bert", 600)
    with pytest.raises(ModelError, match="The model is on meta"):
        text_classifier_of(elsewhere, loaded[1])


def test_any_other_module_is_refused(loaded):
    with pytest.raises(ModelError, match="The model is a Linear"):
        text_classifier_of(torch.nn.Linear(2, 2), loaded[1])
