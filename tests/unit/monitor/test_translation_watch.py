"""Translations are watched by pair: failures, length beside the source, confidence, and chrF once references come."""

import numpy as np
import pytest
from translated import PAIRS, drawn, judged, translated
from watched import START

from leanglot.monitor.events import LateLabel, Reading
from leanglot.monitor.log_rows import LogRows
from leanglot.monitor.rightness import NOT_JUDGED, rightness_of
from leanglot.monitor.watch import Watch


@pytest.fixture(scope="module")
def baseline():
    return judged(np.random.default_rng(1))


def watch_of(baseline, *parts, labels=()):
    watch = Watch(baseline)
    for events in parts:
        watch.add(Reading(events))
    watch.add(Reading(translated(PAIRS[0], drawn(np.random.default_rng(0), 0)), labels=tuple(labels)))
    return watch


def test_a_model_that_translates_as_judged_raises_no_alert(baseline):
    rng = np.random.default_rng(2)
    turns = [
        translated(pair, drawn(rng, 50), start=START + 50 * turn, references=True)
        for turn in range(60)
        for pair in PAIRS
    ]
    watch = watch_of(baseline, *turns)
    found = watch.snapshot()
    assert found.alerts == ()
    assert found.task == "translation"
    health = found.languages["en→de"]
    assert health.health == "quiet"
    assert health.accuracy.value == pytest.approx(0.5, abs=0.06)
    assert health.baseline_accuracy == pytest.approx(0.5, abs=0.01)
    assert health.estimate.value == pytest.approx(0.5, abs=0.06)
    assert "A fall of the share of translations whose chrF reaches the median of the judged ones by" in health.reason
    assert any("Translations have no accuracy" in note for note in found.notes)


@pytest.mark.parametrize(
    ("change", "signal", "words"),
    [
        ({"failing": 0.25}, "failures", "the share of translations that repeat the source rose from"),
        ({"shorter": 0.6}, "ratio", "the share of translations of at most"),
        ({"quality": 0.35}, "estimate", "reaches the median of the judged ones, estimated from the confidence, fell"),
        ({"quality": 0.35}, "confidence", "the share of predictions with a confidence of at most"),
    ],
)
def test_each_change_is_found_without_references_in_its_pair_alone(baseline, change, signal, words):
    rng = np.random.default_rng(3)
    watch = watch_of(baseline, translated("en→de", drawn(rng, 2_000)), translated("en→zh", drawn(rng, 2_000, **change)))
    alerts = {alert.signal: alert for alert in watch.snapshot().alerts}
    assert signal in alerts
    assert {alert.language for alert in alerts.values()} - {"*"} == {"en→zh"}
    assert words in alerts[signal].message
    assert "accuracy" not in alerts[signal].message + alerts[signal].advice
    assert alerts[signal].message.startswith("English → Chinese (en→zh):")


def test_references_that_come_later_show_a_loss_that_confidence_hides(baseline):
    rng = np.random.default_rng(4)
    columns = drawn(rng, 1_000)
    events = translated("en→de", columns, ids=True)
    worse = np.clip(columns["chrf"] - 0.2, 0, 1).tolist()
    labels = [LateLabel(each, f"{chrf:.6f}") for each, chrf in zip(events.id, worse, strict=True)]
    watch = watch_of(baseline, events, labels=labels)
    [alert] = watch.open_alerts("en→de")
    assert alert.signal == "accuracy"
    assert "the share of translations whose chrF reaches the median of the judged ones fell from" in alert.message
    assert "translations with a reference" in alert.message
    assert "labelled" not in alert.message
    assert watch.newest_outcomes("en→de")[1] == 1_000


def test_a_state_goes_on_as_if_nothing_had_happened(baseline):
    rng = np.random.default_rng(5)
    parts = [translated("en→de", drawn(rng, 400), start=START + 400 * part, ids=True) for part in range(6)]
    labels = [LateLabel(identifier, "0.200000") for events in parts for identifier in events.id]
    whole, half = watch_of(baseline, *parts), watch_of(baseline, *parts[:3])
    again = Watch.restored(type(half.state()).model_validate_json(half.state().model_dump_json()), baseline)
    for events in parts[3:]:
        again.add(Reading(events))
    for each in (whole, again):
        each.add(Reading(translated("en→de", drawn(rng, 0)), labels=tuple(labels)))
    assert again.state() == whole.state()
    assert [alert.signal for alert in whole.open_alerts("en→de")] == ["accuracy"]


def test_references_that_say_nothing_are_counted_and_told(baseline):
    rng = np.random.default_rng(6)
    known = translated("en→de", drawn(rng, 3), ids=True)
    elsewhere = translated("en→fr", drawn(rng, 2), ids=True)
    labels = [LateLabel(known.id[0], "Die Lampe"), LateLabel(known.id[1], "1.5"), LateLabel(elsewhere.id[0], "0.5")]
    found = watch_of(baseline, known, elsewhere, labels=labels).snapshot()
    assert found.counters[NOT_JUDGED] == 3
    assert found.languages["en→de"].accuracy.n == 0
    assert found.languages["en→fr"].health == "no baseline"
    assert "not judged in this pair" in found.languages["en→fr"].reason
    assert any(note.startswith("3 references came without a number under chrf") for note in found.notes)


def test_without_a_baseline_pairs_are_counted_and_nothing_is_tested():
    rng = np.random.default_rng(7)
    found = watch_of(None, translated("en→de", drawn(rng, 300, failing=0.9))).snapshot()
    assert (found.task, found.alerts) == ("translation", ())
    assert found.languages["en→de"].health == "no baseline"
    assert found.languages["en→de"].accuracy.reason == "no reference is known yet"


def test_what_is_right_depends_on_the_pair():
    assert rightness_of("de", None)("on", "on") is True
    assert rightness_of("de", None)("on", "off") is False
    reaches = rightness_of("en→de", 0.5)
    assert [reaches("translated", label) for label in ("0.5", "0.499999", "0.4", "nan", "x")] == [
        True,
        True,
        False,
        None,
        None,
    ]
    assert rightness_of("en→de", None)("translated", "0.9") is None


def test_a_log_of_translations_is_read():
    rows = LogRows()
    rows.begin("log", "byte", None)
    entry = {"time": START, "language": "en->de", "prediction": "copied", "output_characters": 12, "characters": 10}
    for row in (
        entry,
        {**entry, "chrf": 0.25},
        {"id": "a", "chrf": 1},
        {"id": "b", "chrf": 1.5},
        {"id": "c", "chrf": "x"},
    ):
        rows.take(row, 0)
    found = rows.reading()
    assert found.events.language == ("en→de", "en→de")
    assert found.events.output_characters.tolist() == [12, 12]
    assert found.events.label == (None, "0.250000")
    assert found.labels == (LateLabel("a", "1.000000"),)
    assert dict(found.counters) == {"broken_lines": 2, "broken_chrf": 1, "broken_type": 1}


def test_a_log_of_labels_has_no_output():
    rows = LogRows()
    rows.begin("log", "byte", None)
    rows.take({"time": START, "language": "de", "prediction": "on"}, 0)
    assert rows.reading().events.output_characters.tolist() == [-1]
