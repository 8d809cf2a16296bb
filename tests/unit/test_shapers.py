"""Steps on a model: what they learn from is asked for, kept for others, and never mixed up."""

from dataclasses import replace

import pytest

from leanglot.data.pool import TextPool
from leanglot.errors import RecipeError
from leanglot.quantizers import Making
from leanglot.shapers import carry_out
from leanglot.techniques import HeadPruning, Importance, TrimVocabulary

HEADS = HeadPruning(sparsity=0.25, importance=Importance(samples=24))


@pytest.fixture(scope="module")
def pool(tiny_rows):
    texts = tuple(f"{row['text']} filler-{n % 5}" for n, row in enumerate(tiny_rows))
    return TextPool(texts, tuple(row["language"] for row in tiny_rows), "texts.jsonl")


def stored(folder):
    return sorted(path.name for path in folder.glob("*.safetensors"))


def test_importance_is_measured_once_for_any_share(tiny_classifier, pool, tmp_path, monkeypatch):
    making = Making(calibration=pool, store=tmp_path)
    first = carry_out(tiny_classifier, (HEADS,), making)
    assert len(stored(tmp_path)) == 1
    monkeypatch.setattr("leanglot.compress.structured.measure", lambda *_: pytest.fail("measured again"))
    again = carry_out(tiny_classifier, (HEADS,), making)
    assert again.importance == first.importance
    assert carry_out(tiny_classifier, (HeadPruning(sparsity=0.5, importance=HEADS.importance),), making).importance


@pytest.mark.parametrize("change", ["length", "steps", "corpus"])
def test_importance_of_another_model_is_not_taken(tiny_classifier, pool, tmp_path, change):
    steps = (TrimVocabulary(), HEADS)
    carry_out(tiny_classifier, steps, Making(calibration=pool, store=tmp_path))
    before = stored(tmp_path)
    model, making = tiny_classifier, Making(calibration=pool, store=tmp_path)
    if change == "length":
        model = replace(model, max_length=8)
    elif change == "steps":
        steps = (HEADS,)
    else:
        few = TextPool(pool.texts[::2], pool.languages[::2], "few.jsonl")
        making = replace(making, corpus=few)
    carry_out(model, steps, making)
    assert len(stored(tmp_path)) == len(before) + 1


class Heard:
    """Hears how many texts are measured."""

    def __init__(self, told):
        self.told = told

    def measured(self, done, total):
        self.told.append((done, total))


def test_progress_is_told_while_importance_is_measured(tiny_classifier, pool):
    told = []
    carry_out(tiny_classifier, (HEADS,), Making(calibration=pool, tell=Heard(told)))
    assert told[-1] == (24, 24)


def test_languages_with_few_texts_are_told(tiny_classifier, pool):
    notes = carry_out(tiny_classifier, (HEADS,), Making(calibration=pool)).notes
    assert any("fewer than 8 texts of" in note and "sw" in note for note in notes)
    assert len(notes) == len(set(notes))


@pytest.mark.parametrize(("step", "what"), [(HEADS, "--calibration FILE"), (TrimVocabulary(), "--corpus FILE")])
def test_steps_that_learn_ask_for_texts(tiny_classifier, step, what):
    with pytest.raises(RecipeError) as caught:
        carry_out(tiny_classifier, (step,), Making())
    assert what in str(caught.value.hint)


def test_two_cuts_of_the_same_shape_can_be_told_apart(tiny_classifier):
    cuts = [carry_out(tiny_classifier, (HeadPruning(remove={0: (head,)}),), Making()).model.pruning for head in (0, 1)]
    assert cuts[0][0].kept_by_layer == cuts[1][0].kept_by_layer
    assert cuts[0] != cuts[1]
