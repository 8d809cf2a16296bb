"""All tests of one language together: what each change is found as, and that a restart changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
from watched import LABELS, baseline, events, judged_alone, traffic

from leanglot.errors import RunError
from leanglot.monitor.detector import Detector, DetectorState, Reference, references
from leanglot.monitor.grouping import rows_of
from leanglot.monitor.rules import Rules

RULES = Rules(latency_budget_ms=100.0)
BUDGET = RULES.budget(30)


@pytest.fixture(scope="module")
def reference():
    return references(baseline(np.random.default_rng(0), ["de", "sw"]))["sw"]


def drawn(n, seed=1, accuracy=0.9, **columns):
    return traffic(np.random.default_rng(seed), n, {"sw": 1.0}, accuracy, **columns)


def fed(detector, rows, portion=250):
    """Feed predictions with their labels, in portions."""
    found = []
    for start in range(0, len(rows), portion):
        part = rows_of(rows, np.arange(start, min(start + portion, len(rows))))
        found += detector.add(part)
        known = np.array([label is not None for label in part.label])
        correct = np.array([one == other for one, other in zip(part.prediction, part.label, strict=True)])
        found += detector.add_outcomes(part.time[known], correct[known], part.confidence[known])
    return found


def changed(rows, seed=2, **columns):
    """The same predictions with other columns; a function takes the column and random numbers from 0 to 1."""
    random = np.random.default_rng(seed).random(len(rows))
    return replace(rows, **{name: change(getattr(rows, name), random) for name, change in columns.items()})


CHANGES = {
    "confidence": {"confidence": lambda held, at: np.where(at < 0.5, 0.55, held)},
    "length": {"tokens": lambda held, at: np.where(at < 0.3, 40, held), "characters": lambda held, at: held * 0 - 1},
    "fragmentation": {"characters": lambda held, at: np.where(at < 0.4, held * 3, held)},
    "unknown": {"unknown": lambda held, at: (at < 0.12).astype(np.int64)},
    "script": {"script": lambda held, at: tuple(np.where(at < 0.15, "Arab", "Latn").tolist())},
    "latency": {"latency_ms": lambda held, at: np.where(at < 0.12, 150.0, 10.0)},
}


def test_without_a_change_nothing_is_found(reference):
    detector = Detector(reference, BUDGET, RULES)
    assert fed(detector, drawn(30_000)) == []
    assert detector.open_findings == ()


@pytest.mark.parametrize("signal", CHANGES)
def test_each_change_is_found_as_what_it_is(reference, signal):
    detector = Detector(reference, BUDGET, RULES)
    found = fed(detector, changed(drawn(12_000, labelled=0.0), **CHANGES[signal]))
    first = next(finding for finding in found if finding.signal == signal)
    assert 0.025 <= first.chance <= 0.05 or signal == "latency"
    assert first in detector.open_findings
    allowed = {signal, "estimate"} if signal == "confidence" else {signal}
    assert {finding.signal for finding in found} == allowed


def test_another_mix_of_answers_is_found_against_the_languages_own_first_ones(reference):
    detector = Detector(reference, BUDGET, RULES)
    assert fed(detector, changed(drawn(8_000, labelled=0.0), prediction=lambda held, at: ("lights",) * len(held))) == []
    found = fed(detector, drawn(8_000, 3, labelled=0.0))
    assert [finding.signal for finding in found] == ["labels"]
    assert found[0].what == "answers lights"
    assert found[0].baseline == 1.0


def test_a_loss_of_accuracy_is_found_by_its_labels_alone(reference):
    detector = Detector(reference, BUDGET, RULES)
    rows = changed(drawn(6_000, accuracy=0.8), confidence=lambda held, at: np.full(len(held), np.nan))
    found = fed(detector, rows)
    assert [finding.signal for finding in found] == ["accuracy"]
    assert found[0].now < found[0].baseline


def test_labels_of_predictions_are_not_read_twice(reference):
    one, other = Detector(reference, BUDGET, RULES), Detector(reference, BUDGET, RULES)
    rows = drawn(1_000)
    one.add(rows)
    other.add(replace(rows, label=(None,) * 1_000))
    assert one.state() == other.state()
    assert one.detectable_drop() is None


@pytest.mark.parametrize("portion", [1, 37, 250, 6_000])
def test_the_portions_do_not_matter(reference, portion):
    rows = changed(drawn(6_000, labelled=0.0), **CHANGES["unknown"])
    one, other = Detector(reference, BUDGET, RULES), Detector(reference, BUDGET, RULES)
    assert fed(one, rows, portion) == fed(other, rows) != []
    assert one.state() == other.state()


@pytest.mark.parametrize("cut", [0, 1, 99, 100, 2_950, 7_777])
def test_after_a_restart_it_goes_on_bit_for_bit(reference, cut):
    rows = changed(drawn(12_000, accuracy=0.83), **CHANGES["script"])
    first, rest = rows_of(rows, np.arange(cut)), rows_of(rows, np.arange(cut, 12_000))
    kept, stored = Detector(reference, BUDGET, RULES), Detector(reference, BUDGET, RULES)
    fed(kept, first)
    fed(stored, first)
    state = DetectorState.model_validate_json(stored.state().model_dump_json())
    restored = Detector.restored(state, reference, BUDGET, RULES)
    assert restored.open_findings == kept.open_findings
    assert restored.estimate() == kept.estimate()
    assert restored.detectable_drop() == kept.detectable_drop()
    assert fed(restored, rest) == fed(kept, rest)
    assert restored.state() == kept.state()


def test_the_state_of_another_baseline_or_other_rules_is_refused(reference):
    detector = Detector(reference, BUDGET, RULES)
    fed(detector, drawn(1_000))
    other = Reference(reference.baseline, ("a", "b"), reference.pooled)
    with pytest.raises(RunError, match="another baseline"):
        Detector.restored(detector.state(), other, BUDGET, RULES)
    with pytest.raises(RunError, match="another baseline"):
        Detector.restored(detector.state(), reference, BUDGET, Rules(block=33))


def test_the_estimate_is_silent_until_there_is_enough(reference):
    detector = Detector(reference, BUDGET, RULES)
    fed(detector, drawn(199, labelled=0.0))
    silent = detector.estimate()
    assert (silent.n, silent.value) == (199, None)
    assert "199 predictions have a confidence, and 200 are needed" in silent.reason
    fed(detector, drawn(1, labelled=0.0))
    told = detector.estimate()
    assert (told.n, told.reason) == (200, None)
    assert told.low < 0.9 < told.high
    assert told.low < told.value < told.high


def test_the_estimate_is_silent_with_few_judged_examples():
    small = references(baseline(np.random.default_rng(0), ["sw"], n=99))["sw"]
    detector = Detector(small, BUDGET, RULES)
    fed(detector, drawn(1_000))
    assert "99 judged examples have a confidence, and 100 are needed" in detector.estimate().reason
    assert "estimate" not in detector.watched()


def test_the_estimate_is_withdrawn_when_labels_contradict_it_and_told_again_when_they_agree(reference):
    detector = Detector(reference, BUDGET, RULES)
    low = {"confidence": lambda held, at: np.where(at < 0.6, 0.6, held)}
    (found,) = [each for each in fed(detector, changed(drawn(3_000, labelled=0.0), **low)) if each.signal == "estimate"]
    assert detector.estimate().value < 0.8
    # The labels say that nothing was lost: the confidence has come to mean something else.
    ended = [each for each in fed(detector, changed(drawn(3_000, 5), **low)) if each.signal == "estimate"]
    assert [each.found_at for each in ended] == [found.found_at]
    assert ended[0].ended_at >= found.found_at
    assert detector.estimate().value is None
    assert "labelled predictions contradict it" in detector.estimate().reason
    assert all(each.signal != "estimate" for each in fed(detector, changed(drawn(9_000, 6), **low)))
    fed(detector, drawn(4_000, 7))
    assert detector.estimate().value == pytest.approx(0.9, abs=0.03)


def test_the_estimate_is_not_told_against_labels_that_are_too_few_for_a_look(reference):
    detector = Detector(reference, BUDGET, RULES)
    fed(detector, drawn(1_000, labelled=0.0))
    assert detector.estimate().value == pytest.approx(0.9, abs=0.03)
    rows = drawn(60, 8)
    detector.add_outcomes(rows.time, np.zeros(60, dtype=np.bool_), rows.confidence)
    assert detector.open_findings == ()
    assert "labelled predictions contradict it" in detector.estimate().reason


def test_it_tells_what_it_watches_by_now(reference):
    detector = Detector(reference, BUDGET, RULES)
    assert detector.watched() == ()
    fed(detector, drawn(150, labelled=0.0))
    seen = {"confidence", "length", "unknown", "fragmentation", "script", "latency", "estimate"}
    assert set(detector.watched()) == seen
    fed(detector, drawn(200))
    assert set(detector.watched()) == seen | {"accuracy"}
    fed(detector, drawn(5_000))
    assert set(detector.watched()) == seen | {"accuracy", "labels"}


def test_the_drop_that_would_have_been_found_is_told_and_shrinks(reference):
    detector, drops = Detector(reference, BUDGET, RULES), []
    for n in (100, 900, 9_000):
        fed(detector, drawn(n))
        drops.append(detector.detectable_drop())
    assert drops == sorted(drops, reverse=True)
    assert 0.01 < drops[-1] < 0.04


def test_a_baseline_of_accuracy_alone_is_enough_for_labels():
    alone = judged_alone(n=1_000, correct=900)
    detector = Detector(Reference(alone, (), np.ones(18)), BUDGET, Rules())
    found = fed(detector, drawn(3_000, accuracy=0.7))
    assert [finding.signal for finding in found] == ["accuracy"]
    assert detector.watched() == ("accuracy",)
    assert "0 judged examples" in detector.estimate().reason


def test_nothing_logged_but_the_answer_is_nothing_found(reference):
    rows = events(
        np.arange(5_000),
        "sw",
        prediction=(list(LABELS) * 1_667)[:5_000],
        confidence=np.nan,
        latency_ms=np.nan,
        tokens=-1,
        characters=-1,
        unknown=-1,
        script=None,
    )
    detector = Detector(reference, BUDGET, RULES)
    assert fed(detector, rows) == []
    assert detector.estimate().value is None
