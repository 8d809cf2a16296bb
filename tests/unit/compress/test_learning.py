"""What a model learns from: who fits whom, which texts can be matched, and what is said of the data."""

import gc
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from leanglot.compress.learning import Lessons, check_tokenizers, encode, facts_of, learn
from leanglot.compress.slicing import drop_layers
from leanglot.compress.student import with_own_weights
from leanglot.compress.vocabulary import trim
from leanglot.data.examples import Examples
from leanglot.data.pool import TextPool
from leanglot.data.training import training_examples
from leanglot.errors import DataError, RecipeError
from leanglot.techniques import TrimVocabulary
from leanglot.techniques.distillation import HiddenMatching
from leanglot.techniques.training import Training
from leanglot.train import answers
from leanglot.train.loss import IGNORED

FEW = Training(epochs=1, batch_size=8, learning_rate=1e-3, dropout=0.0)


@dataclass(frozen=True)
class How:
    """Few steps, without dropout."""

    temperature: float = 2.0
    alpha: float = 0.5
    hidden: HiddenMatching | None = None
    training: Training = FEW


def trained(**settings):
    return Training.model_validate(FEW.model_dump() | settings)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Few flushes to the disk, and little garbage to collect after a training."""
    monkeypatch.setattr(answers, "_CHUNKS", 2)
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def rows(tiny_rows):
    return tiny_rows[::4]


def examples_of(rows, labels=lambda label: label):
    """Examples of the rows, each its own group."""
    columns = ([row[key] for row in rows] for key in ("text", "label", "language"))
    texts, named, languages = columns
    return Examples(tuple(texts), tuple(map(labels, named)), tuple(languages))


def lessons_of(teacher, rows, folder, **more):
    examples = rows if isinstance(rows, Examples) else examples_of(rows)
    return Lessons(teacher, training_examples(examples, "texts.jsonl"), folder, **more)


def weights_of(model):
    return {name: tensor.clone() for name, tensor in model.module.state_dict().items()}


def with_labels(model, labels):
    """The model with its labels in another order, and the head's rows with them."""
    made = with_own_weights(model)
    order = [model.labels.index(label) for label in labels]
    head = made.module.classifier.out_proj
    with torch.no_grad():
        head.weight.copy_(head.weight[order].clone())
        head.bias.copy_(head.bias[order].clone())
    return replace(made, labels=labels)


def test_the_student_changes_and_the_teacher_does_not(tiny_classifier, rows, tmp_path):
    before = weights_of(tiny_classifier)
    student = with_own_weights(tiny_classifier)
    lesson = learn(student, How(), lessons_of(tiny_classifier, rows, tmp_path), "shaping")
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights_of(tiny_classifier).items())
    assert any(not torch.equal(tensor, before[name]) for name, tensor in weights_of(student).items())
    assert not student.module.training
    assert not tiny_classifier.module.training
    assert lesson.trained.epochs[0].parts["teacher"] > 0
    assert "hidden" not in lesson.trained.epochs[0].parts


def test_the_record_counts_what_was_learned_from(tiny_classifier, rows, tmp_path):
    examples = examples_of(rows)
    labels = tuple("" if place % 4 == 0 else label for place, label in enumerate(examples.labels))
    given = lessons_of(tiny_classifier, replace(examples, labels=labels), tmp_path)
    how = replace(How(), training=trained(validation=0.2))
    lesson = learn(with_own_weights(tiny_classifier), how, given, "shaping")
    held = sum(check.n for check in lesson.trained.epochs[-1].held_out.values())
    assert held > 5
    assert sum(lesson.examples.values()) == len(rows) - held
    assert lesson.unlabelled == labels.count("")
    facts = facts_of(lesson, "distil", how.training)
    assert (facts.technique, facts.steps, facts.kept_step) == ("distil", lesson.trained.steps, lesson.trained.steps)
    assert facts.epochs == lesson.trained.epochs
    assert facts.examples == lesson.examples


def test_a_second_call_takes_what_the_first_has_left(tiny_classifier, rows, tmp_path):
    given = lessons_of(tiny_classifier, rows, tmp_path)
    first, second, third, shorter = (with_own_weights(tiny_classifier) for _ in range(4))
    lesson = learn(first, How(), given, "shaping")
    calls = []
    with torch.nn.modules.module.register_module_forward_pre_hook(lambda module, _: calls.append(module)):
        assert learn(second, How(), given, "shaping") == lesson
    assert calls == []
    assert all(torch.equal(tensor, weights_of(first)[name]) for name, tensor in weights_of(second).items())
    # Anything else that shapes the result starts anew, beside it.
    learn(third, How(), given, "another shaping")
    learn(replace(shorter, max_length=6), How(), given, "shaping")
    assert len(list(tmp_path.glob("*/final.safetensors"))) == 3


def test_labels_in_another_order_are_matched_by_name(tiny_classifier, rows, tmp_path):
    turned = with_labels(tiny_classifier, tiny_classifier.labels[::-1])
    given = lessons_of(tiny_classifier, rows, tmp_path)
    # After one step: the teacher's own copy answers as it does, so that there is nothing to learn.
    how = replace(How(), alpha=1.0, training=trained(epochs=0.01))
    lesson = learn(turned, how, given, "turned")
    plain = learn(with_own_weights(tiny_classifier), how, given, "plain")
    assert lesson.trained.epochs[0].parts["teacher"] < 1e-5
    assert lesson.trained.epochs[0].parts == pytest.approx(plain.trained.epochs[0].parts, rel=1e-4, abs=1e-5)
    assert plain.trained.epochs[0].parts["labels"] < 0.5
    right = {tag: check.right for tag, check in lesson.trained.epochs[0].held_out.items()}
    assert right == {tag: check.right for tag, check in plain.trained.epochs[0].held_out.items()}


def test_labels_that_differ_are_named(tiny_classifier, rows, tmp_path):
    other = replace(with_own_weights(tiny_classifier), labels=("lights", "music", "rain"))
    with pytest.raises(RecipeError, match=r"different labels \(only the teacher: weather; only the student: rain\)"):
        learn(other, How(), lessons_of(tiny_classifier, rows, tmp_path), "shaping")


def test_a_label_that_nobody_knows_is_named(tiny_classifier, rows, tmp_path):
    bad = examples_of(rows, lambda label: "musik" if label == "music" else label)
    with pytest.raises(DataError, match=r"'musik' .* did you mean \"music\""):
        learn(with_own_weights(tiny_classifier), How(), lessons_of(tiny_classifier, bad, tmp_path), "shaping")
    assert not any(tmp_path.iterdir())


def test_without_labels_and_teacher_there_is_nothing_to_learn_from(tiny_classifier, rows, tmp_path):
    none = lessons_of(tiny_classifier, examples_of(rows, lambda _: ""), tmp_path)
    student = with_own_weights(tiny_classifier)
    with pytest.raises(RecipeError) as caught:
        learn(student, replace(How(), alpha=0.0), none, "shaping")
    assert caught.value.message == "texts.jsonl has no labels, and with alpha: 0 nothing is learned from the teacher."
    assert "Raise alpha" in caught.value.hint
    matched = learn(student, replace(How(), alpha=0.0, hidden=HiddenMatching()), none, "shaping")
    assert "labels" not in matched.trained.epochs[0].parts


def test_labels_alone_need_no_teacher_s_answers(tiny_classifier, rows, tmp_path):
    lesson = learn(
        with_own_weights(tiny_classifier),
        replace(How(), alpha=0.0),
        lessons_of(tiny_classifier, rows, tmp_path, answered=lambda *_: pytest.fail("the teacher was asked")),
        "shaping",
    )
    assert "teacher" not in lesson.trained.epochs[0].parts
    assert not list(tmp_path.glob("teacher-*"))


def test_progress_is_told_for_the_teacher_and_for_the_training(tiny_classifier, rows, tmp_path):
    answered, steps = [], []
    given = lessons_of(
        tiny_classifier,
        rows,
        tmp_path,
        answered=lambda done, total: answered.append((done, total)),
        trained=lambda done, total, loss: steps.append((done, total)),
    )
    lesson = learn(with_own_weights(tiny_classifier), How(), given, "shaping")
    count = sum(lesson.examples.values())
    assert answered[-1] == (count, count)
    assert answered == sorted(answered)
    assert steps == [(done, lesson.trained.steps) for done in range(1, lesson.trained.steps + 1)]


def test_a_batch_that_is_too_small_for_the_languages_is_told(tiny_classifier, rows, tmp_path):
    how = replace(How(), training=trained(batch_size=2, epochs=0.2))
    lesson = learn(with_own_weights(tiny_classifier), how, lessons_of(tiny_classifier, rows, tmp_path), "shaping")
    assert any("A batch of 2 examples holds fewer than the 4 languages" in note for note in lesson.notes)


def test_few_held_out_examples_are_told_where_they_decide(tiny_classifier, rows, tmp_path):
    given = lessons_of(tiny_classifier, rows, tmp_path)
    told = "Early stopping watches the worst language, and few examples are held out in de"
    for settings, expected in (({"patience": 1}, True), ({"patience": 1, "watch": "mean"}, False), ({}, False)):
        how = replace(How(), training=trained(epochs=0.3, **settings))
        notes = learn(with_own_weights(tiny_classifier), how, given, str(settings)).notes
        assert any(note.startswith(told) for note in notes) is expected
    assert any("No examples of sw are held out" in note for note in notes)


def test_notes_on_the_data_are_passed_on(tiny_classifier, rows, tmp_path):
    judged = examples_of([row | {"text": row["text"].upper()} for row in rows[:5]])
    data = training_examples(examples_of(rows), "texts.jsonl", judged)
    how = replace(How(), training=trained(epochs=0.2))
    lesson = learn(with_own_weights(tiny_classifier), how, Lessons(tiny_classifier, data, tmp_path), "shaping")
    assert lesson.notes[0] == "Training texts that are also judged were left out: 5."
    assert sum(lesson.examples.values()) <= len(rows) - 5


@pytest.mark.parametrize(
    ("layers", "message"), [({2: 0}, "2 of the student and 0 of"), ({0: 2}, "0 of the student and 2 of")]
)
def test_layers_that_are_not_there_cannot_be_matched(tiny_classifier, rows, tmp_path, layers, message):
    how = replace(How(), hidden=HiddenMatching(layers=layers))
    with pytest.raises(RecipeError) as caught:
        learn(with_own_weights(tiny_classifier), how, lessons_of(tiny_classifier, rows, tmp_path), "shaping")
    assert f"hidden: layers names layer {message}" in caught.value.message
    assert "they have 2 and 2 layers" in caught.value.message
    assert "counted from 0" in caught.value.hint


def test_hidden_states_of_a_copy_are_those_of_its_teacher(tiny_classifier, rows, tmp_path):
    given = lessons_of(tiny_classifier, rows, tmp_path)
    how = replace(How(), alpha=1.0, training=trained(epochs=0.01))
    for layers, close in (({0: 0, 1: 1}, True), (None, True), ({0: 1, 1: 0}, False)):
        how = replace(how, hidden=HiddenMatching(layers=layers))
        lesson = learn(with_own_weights(tiny_classifier), how, given, str(layers))
        assert (lesson.trained.epochs[0].parts["hidden"] < 1e-5) is close


def test_a_shorter_student_matches_the_last_layer_with_the_last(tiny_classifier, rows, tmp_path):
    student = with_own_weights(drop_layers(tiny_classifier, [0]))
    how = replace(How(), hidden=HiddenMatching(weight=5.0), training=trained(epochs=6, validation=0))
    lesson = learn(student, how, lessons_of(tiny_classifier, rows, tmp_path), "shaping")
    (folder,) = tmp_path.glob("teacher-*")
    kept = np.load(folder / "hidden.npy")
    assert kept.shape[1:] == (1, 32)
    # The first token of the first text, in the teacher's last layer: texts keep their order.
    lengths = np.cumsum([0, *(len(tiny_classifier.tokenizer.encode(row["text"]).ids) for row in rows)])
    assert len(kept) == lengths[-1]
    ids = torch.tensor([tiny_classifier.tokenizer.encode(rows[0]["text"]).ids])
    with torch.no_grad():
        states = tiny_classifier.module(ids, output_hidden_states=True).hidden_states
    assert np.allclose(kept[: lengths[1], 0], states[-1][0], atol=1e-2)
    parts = [epoch.parts["hidden"] for epoch in lesson.trained.epochs]
    assert parts[-1] < parts[0]


def other_tokenizer(model):
    made = with_own_weights(model)
    tokenizer = type(model.tokenizer).from_str(model.tokenizer.to_str())
    tokenizer.add_tokens(["foreign-1", "foreign-2"])
    return replace(made, tokenizer=tokenizer)


def test_tokenizers_that_differ_are_refused(tiny_classifier, rows, tmp_path):
    student = other_tokenizer(tiny_classifier)
    with pytest.raises(RecipeError) as caught:
        learn(student, How(), lessons_of(tiny_classifier, rows, tmp_path), "shaping")
    assert "2 of the student's" in caught.value.message
    assert "such as 'foreign-1', 'foreign-2'" in caught.value.message
    assert "the teacher's tokenizer" in caught.value.hint
    check_tokenizers(student, tiny_classifier)  # fewer pieces than the teacher are fine


@pytest.fixture(scope="module")
def trimmed(tiny_classifier, rows):
    """A student whose vocabulary was cut to what half of the texts use, its ids others than the teacher's."""
    shown = [row for row in rows if row["language"] != "th"]
    pool = TextPool(tuple(row["text"] for row in shown), tuple(row["language"] for row in shown), "shown")
    return trim(tiny_classifier, TrimVocabulary(), pool).model


def test_hidden_states_are_matched_after_the_vocabulary_was_trimmed(tiny_classifier, trimmed, rows, tmp_path):
    shown = [row for row in rows if row["language"] != "th"]
    student = with_own_weights(trimmed)
    ids = [model.tokenizer.encode(shown[0]["text"]).ids for model in (tiny_classifier, student)]
    assert ids[0] != ids[1]
    how = replace(How(), alpha=1.0, hidden=HiddenMatching(), training=trained(epochs=0.01))
    lesson = learn(student, how, lessons_of(tiny_classifier, shown, tmp_path), "shaping")
    assert not any("are not matched" in note for note in lesson.notes)
    parts = lesson.trained.epochs[0].parts
    assert parts["hidden"] < 1e-5  # the same states for the same pieces
    assert parts["teacher"] < 1e-5


def test_texts_that_are_split_otherwise_are_counted_and_not_matched(tiny_classifier, trimmed, rows, tmp_path):
    student = with_own_weights(trimmed)
    how = replace(How(), hidden=HiddenMatching(), training=trained(validation=0, epochs=0.01))
    lesson = learn(student, how, lessons_of(tiny_classifier, rows, tmp_path), "shaping")
    known = tiny_classifier.tokenizer.get_vocab()
    own = {number: piece for piece, number in student.tokenizer.get_vocab().items()}
    odd = sum(
        [known[own[number]] for number in student.tokenizer.encode(row["text"]).ids]
        != tiny_classifier.tokenizer.encode(row["text"]).ids
        for row in rows
    )
    assert 0 < odd < len(rows)
    told = f"Hidden states of {odd} of {len(rows)} texts are not matched: the student splits them into other pieces."
    assert told in lesson.notes
    assert lesson.trained.epochs[0].parts["hidden"] < 1e-5  # what remains is the same in both


def test_a_student_that_reads_less_of_a_text_is_not_matched_there(tiny_classifier, rows, tmp_path):
    tokenizer = type(tiny_classifier.tokenizer).from_str(tiny_classifier.tokenizer.to_str())
    tokenizer.enable_truncation(8)
    student = replace(with_own_weights(tiny_classifier), tokenizer=tokenizer, max_length=8)
    how = replace(How(), hidden=HiddenMatching(), training=trained(validation=0, epochs=0.01))
    lesson = learn(student, how, lessons_of(tiny_classifier, rows, tmp_path), "shaping")
    longer = sum(len(tiny_classifier.tokenizer.encode(row["text"]).ids) > 8 for row in rows)
    assert any(f"Hidden states of {longer} of {len(rows)} texts" in note for note in lesson.notes)


def test_texts_are_encoded_as_the_model_reads_them(tiny_classifier):
    examples = Examples(("filler-1 en-music-2", "x " * 100), ("music", ""), ("en", "de"))
    found, notes = encode(tiny_classifier, examples, np.asarray([1, IGNORED]))
    assert notes == ("Training texts longer than the model reads, which were cut: 1 of 2.",)
    assert found.ids[0].tolist() == tiny_classifier.tokenizer.encode("filler-1 en-music-2").ids
    assert len(found.ids[1]) == tiny_classifier.max_length
    assert (found.languages, found.pad_id) == (("en", "de"), tiny_classifier.pad_id)
    assert found.answers is None
