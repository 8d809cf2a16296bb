"""What is watched of a text: counted as the model reads it."""

import json

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from leanglot.runtimes.classifier import Encoded
from leanglot.runtimes.loading import load
from leanglot.runtimes.text_facts import TextFacts, text_facts, unknown_id


def test_facts_are_counted_per_text():
    rows = (np.array([0, 5, 3, 3, 2]), np.array([0, 2]))
    found = text_facts(["включи x😀", "12"], Encoded(rows, (True, False)), 3)
    assert found == [TextFacts(5, 2, 9, "Cyrl", truncated=True), TextFacts(2, 0, 2, "Zyyy", truncated=False)]


def test_a_tokenizer_without_an_unknown_token_has_no_unknown_ones():
    [found] = text_facts(["ab"], Encoded((np.array([0, 3]),), (False,)), None)
    assert found.unknown == 0


def test_as_many_texts_as_rows_are_needed():
    with pytest.raises(ValueError, match="zip"):
        text_facts(["a", "b"], Encoded((np.array([0]),), (False,)), None)


def test_an_artifact_cuts_long_texts_and_tells_so(torch_artifact):
    classifier = load(torch_artifact, 1)
    texts = ["light " * 200, "light"]
    long, short = text_facts(texts, classifier.encode(texts), unknown_id(classifier.tokenizer))
    assert (long.tokens, long.truncated, long.characters) == (classifier.manifest.max_length, True, 1200)
    assert (short.truncated, short.characters, short.script) == (False, 5, "Latn")
    assert short.tokens >= 3


@pytest.mark.parametrize("at", [0, 1, None])
def test_unigram_names_its_unknown_token_by_number(at):
    pieces = [("<s>", 0.0), ("<unk>", 0.0), ("a", -1.0)]
    assert unknown_id(Tokenizer(models.Unigram(pieces, unk_id=at))) == at


@pytest.mark.parametrize(("name", "expected"), [("<unk>", 1), ("gone", None), (None, None)])
def test_others_name_it_by_its_piece(name, expected):
    tokenizer = Tokenizer(models.BPE(vocab={"a": 0, "<unk>": 1}, merges=[], unk_token="<unk>"))  # noqa: S106
    state = json.loads(tokenizer.to_str())
    state["model"]["unk_token"] = name
    assert unknown_id(Tokenizer.from_str(json.dumps(state))) == expected


def test_the_unknown_token_is_the_one_that_encoding_gives():
    tokenizer = Tokenizer(models.WordLevel(vocab={"on": 0, "[UNK]": 1}, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    assert tokenizer.encode("on off").ids == [0, unknown_id(tokenizer)]
