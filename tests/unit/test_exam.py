"""The exam: which examples are judged, and which texts are timed."""

import json
from collections import Counter

import numpy as np
import pytest

from leanglot.config import Columns, DataConfig
from leanglot.errors import DataError
from leanglot.exam import FULL, QUICK, Effort, prepare_exam
from leanglot.measure.quality import Answers
from leanglot.measure.speed import P95_CALLS, P99_CALLS
from leanglot.measure.subject import in_memory

LABELS = ("lights", "music", "weather")
LITTLE = Effort(latency_calls=26, batch_texts=300)


def exam_of(path, **options):
    return prepare_exam(DataConfig(path=path, columns=Columns(group="group")), LABELS, **{"effort": LITTLE} | options)


def timed_languages(exam):
    return [exam.examples.languages[position] for position in exam.latency_positions]


@pytest.fixture(scope="module")
def exam(tiny_data):
    return exam_of(tiny_data)


def test_all_examples_are_judged_against_their_own_label(exam, tiny_rows):
    assert exam.examples.texts == tuple(row["text"] for row in tiny_rows)
    assert [LABELS[index] for index in exam.expected] == [row["label"] for row in tiny_rows]
    assert exam.summary.examples == {"de": 90, "en": 60, "sw": 1, "th": 30}
    assert exam.summary.groups == {"de": 30, "en": 20, "sw": 1, "th": 10}
    assert (exam.summary.source, exam.summary.labels) == ("tiny.jsonl", LABELS)


def test_the_timed_texts_visit_the_languages_in_turns(exam):
    languages = timed_languages(exam)
    assert len(languages) == 26
    assert languages == (["de", "en", "sw", "th"] * 7)[:26]


def test_a_language_repeats_its_texts_only_when_it_has_no_others(exam):
    by_language = {tag: [] for tag in ("de", "en", "sw", "th")}
    for position, tag in zip(exam.latency_positions, timed_languages(exam), strict=True):
        by_language[tag].append(position)
    assert len(set(by_language["sw"])) == 1
    assert all(len(set(by_language[tag])) == len(by_language[tag]) for tag in ("de", "en", "th"))


def test_throughput_has_the_mix_of_the_data(exam):
    counts = Counter(exam.batch_positions)
    assert len(exam.batch_positions) == 300
    assert set(counts) == set(range(181))
    assert set(counts.values()) == {1, 2}
    assert len(set(exam.batch_positions[:181])) == 181


def test_the_seed_decides_what_is_timed(tiny_data, exam):
    assert exam_of(tiny_data).latency_positions == exam.latency_positions
    other = exam_of(tiny_data, seed=1)
    assert other.latency_positions != exam.latency_positions
    assert other.batch_positions != exam.batch_positions


def test_a_limit_holds_for_each_language(tiny_data):
    limited = exam_of(tiny_data, limit=20)
    assert limited.summary.examples == {"de": 20, "en": 20, "sw": 1, "th": 20}
    assert len(limited.expected) == 61
    assert max(limited.latency_positions) < 61
    assert limited.summary.digest != exam_of(tiny_data).summary.digest


def test_notes_of_the_data_and_of_the_labels_are_kept(tmp_path):
    row = {"text": "de-lights-0", "label": "lights", "language": "de"}
    path = tmp_path / "twice.jsonl"
    path.write_text((json.dumps(row) + "\n") * 2, encoding="utf-8")
    notes = prepare_exam(DataConfig(path=path), LABELS, LITTLE).summary.notes
    assert any("music, weather" in note for note in notes)
    assert len(notes) > 1


def test_labels_the_model_does_not_know_are_refused(tiny_data):
    with pytest.raises(DataError, match="unknown to the model"):
        prepare_exam(DataConfig(path=tiny_data), ("lights", "music", "rain"))


def test_the_answers_stand_beside_the_right_labels(exam):
    predicted = exam.expected.copy()
    predicted[:2] = (predicted[:2] + 1) % 3
    confidence = np.linspace(0.4, 1, len(predicted), dtype=np.float32)
    predictions = exam.predictions(Answers(predicted, confidence), LABELS)
    assert predictions.index.tolist() == list(range(181))
    assert predictions.language == exam.examples.languages
    assert predictions.group == exam.examples.groups
    assert predictions.label == exam.examples.labels
    assert predictions.predicted == tuple(LABELS[index] for index in predicted)
    assert predictions.correct.tolist() == [False] * 2 + [True] * 179
    np.testing.assert_array_equal(predictions.confidence, confidence)


def test_the_workload_holds_the_chosen_texts_as_the_model_reads_them(exam, tiny_classifier):
    classifier = in_memory(tiny_classifier, threads=1)
    work = exam.workload(classifier, batch_tokens=77, rounds=2)
    assert work.texts == [exam.examples.texts[position] for position in exam.latency_positions]
    assert list(work.languages) == timed_languages(exam)
    assert [len(row) for row in work.rows] == [len(text.split()) + 2 for text in work.texts]
    batch_texts = exam.texts(exam.batch_positions)
    assert [len(row) for row in work.batch_rows] == [len(text.split()) + 2 for text in batch_texts]
    assert (work.batch_tokens, work.rounds) == (77, 2)


def test_a_full_run_times_enough_for_every_percentile_and_a_quick_one_for_the_95th():
    assert FULL.latency_calls >= P99_CALLS
    assert P95_CALLS <= QUICK.latency_calls < P99_CALLS
