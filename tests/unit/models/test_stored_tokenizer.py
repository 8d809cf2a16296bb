"""Tests of the tokenizer as its file gives it back."""

import json
import random

from tokenizers import Tokenizer, models

from leanglot.models.stored_tokenizer import as_stored


def scores(tokenizer):
    return [score for _, score in json.loads(tokenizer.to_str())["model"]["vocab"]]


def test_scores_that_were_read_once_stay_as_they_are():
    rng = random.Random(0)
    listed = [("<unk>", 0.0), *((f"p{number}", -rng.uniform(1, 15)) for number in range(20_000))]
    made = Tokenizer(models.Unigram(listed, unk_id=0))
    stored = as_stored(made)
    assert scores(made) == [score for _, score in listed] != scores(stored)
    assert scores(Tokenizer.from_str(stored.to_str())) == scores(stored)


def test_a_tokenizer_without_scores_is_handed_on():
    made = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))  # noqa: S106 - a token's name
    assert as_stored(made) is made
