"""What the tests of trimming rest on: the scores of a tokenizer are settled once it was read."""

import json
import random

from tokenizers import Tokenizer, models

from stored_tokenizers import read_back


def scores(tokenizer):
    return [score for _, score in json.loads(tokenizer.to_str())["model"]["vocab"]]


def test_scores_that_were_read_once_stay_as_they_are():
    rng = random.Random(0)
    listed = [("<unk>", 0.0), *((f"p{number}", -rng.uniform(1, 15)) for number in range(20_000))]
    made = Tokenizer(models.Unigram(listed, unk_id=0))
    stored = read_back(made)
    assert scores(made) == [score for _, score in listed] != scores(stored)
    assert scores(Tokenizer.from_str(stored.to_str())) == scores(stored)
