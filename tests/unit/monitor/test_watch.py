"""What the watch counts and finds, and that it goes on after a restart as if nothing had happened."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from watched import START, baseline, events, none, traffic

from leanglot.errors import DataError, RunError
from leanglot.monitor.events import LateLabel, Reading, ShadowAnswer
from leanglot.monitor.grouping import rows_of
from leanglot.monitor.rules import Rules
from leanglot.monitor.state import WatchState
from leanglot.monitor.watch import Watch
from leanglot.results.monitoring import Snapshot

SHARES = {"en": 0.6, "de": 0.3, "sw": 0.1}


@pytest.fixture(scope="module")
def judged():
    return baseline(np.random.default_rng(0), SHARES)


def portions(rows, ends):
    starts = [0, *ends[:-1]]
    return [rows_of(rows, np.arange(start, end)) for start, end in zip(starts, ends, strict=True) if start < end]


def again(watch):
    """The watch after its process was killed and begun anew."""
    state = WatchState.model_validate_json(watch.state().model_dump_json())
    return Watch.restored(state, watch.baseline, watch.rules)


def test_everything_is_counted_by_language():
    watch = Watch(None)
    times = START + np.array([0.0, 1.0, 61.0, 62.0, 3_700.0])
    rows = events(
        times,
        ["en", "de", "en", "en", "en"],
        label=["lights", None, "music", None, None],
        confidence=[0.5, 0.7, 0.7, np.nan, 0.9],
        variant=["int8", "fp32", "int8", "fp32", ""],
    )
    assert watch.add(Reading(rows, counters=(("broken_lines", 2),))) == ()
    found = watch.snapshot()
    assert found.predictions == 5
    assert found.began == datetime.fromtimestamp(START, UTC)
    assert found.newest - found.began == timedelta(seconds=3_700)
    assert sum(found.per_minute) == 1
    assert list(found.languages) == ["en", "de"]
    english = found.languages["en"]
    assert (english.predictions, english.last_hour, english.share) == (4, 1, 1.0)
    assert english.variants == {"int8": 2, "fp32": 1}
    assert english.confidence == pytest.approx(0.9)
    assert (english.accuracy.n, english.accuracy.value) == (2, 0.5)
    assert english.latency.n == 1
    assert found.languages["de"].share == 0.0
    assert found.counters == {"broken_lines": 2}


def test_before_the_first_prediction_nothing_is_claimed(judged):
    found = Watch(judged).snapshot()
    assert (found.began, found.newest, found.predictions, found.alerts) == (None, None, 0, ())
    assert set(found.languages) == set(SHARES)
    for health in found.languages.values():
        assert health.health == "not enough data"
        assert (health.share, health.confidence, health.detectable_drop) == (None, None, None)
        assert health.accuracy.reason == "no label is known yet"
        assert health.estimate.value is None
        assert health.estimate.reason


def test_an_empty_reading_changes_nothing(judged):
    watch = Watch(judged)
    before = watch.state()
    assert watch.add(Reading(none())) == ()
    assert watch.state() == before


def test_without_a_baseline_nothing_is_tested_and_the_snapshot_says_so():
    watch = Watch(None)
    watch.add(Reading(traffic(np.random.default_rng(1), 2_000, SHARES, 0.2)))
    found = watch.snapshot()
    assert {health.health for health in found.languages.values()} == {"no baseline"}
    assert found.alerts == ()
    assert "--save-baseline" in found.notes[0]


def test_the_last_hour_ends_now():
    watch = Watch(None)
    watch.add(Reading(events(START + np.arange(10.0), "en")))
    half = datetime.fromtimestamp(START, UTC) + timedelta(minutes=30)
    assert watch.snapshot(half).languages["en"].last_hour == 10
    gone = watch.snapshot(half + timedelta(hours=1)).languages["en"]
    assert (gone.last_hour, gone.share, gone.latency.n, gone.confidence, gone.predictions) == (0, None, 0, None, 10)


def test_a_clock_that_goes_back_counts_in_the_current_minute_and_is_told():
    watch = Watch(None)
    watch.add(Reading(events([START + 600.0], "en")))
    watch.add(Reading(events([START, START + 599.0, START + 601.0, START - 5_000.0], "en")))
    found = watch.snapshot()
    assert found.per_minute[-1] == 5
    assert found.newest == datetime.fromtimestamp(START + 601.0, UTC)
    assert found.began == datetime.fromtimestamp(START + 600.0, UTC)
    assert found.counters == {"late": 2}
    assert found.notes[-1].startswith("2 predictions came later")


@pytest.mark.parametrize("time", [-1.0, 1e12, np.nan, np.inf])
def test_a_time_that_is_no_date_is_refused_and_nothing_is_taken(time):
    watch = Watch(None)
    before = watch.state()
    with pytest.raises(DataError, match="time"):
        watch.add(Reading(events([START, time], "en"), counters=(("broken_lines", 1),)))
    assert watch.state() == before


def test_a_label_that_comes_later_finds_its_prediction_once():
    watch = Watch(None)
    watch.add(Reading(events(START + np.arange(3.0), ["en", "en", "sw"], id=["a", "b", "c"])))
    watch.add(Reading(none(), labels=(LateLabel("a", "lights"), LateLabel("c", "music"), LateLabel("a", "lights"))))
    found = watch.snapshot()
    assert (found.languages["en"].accuracy.n, found.languages["en"].accuracy.value) == (1, 1.0)
    assert (found.languages["sw"].accuracy.n, found.languages["sw"].accuracy.value) == (1, 0.0)
    assert found.counters == {"unknown_ids": 1}
    assert found.notes[-1].startswith("1 label came for an identifier")


def test_a_label_that_is_read_before_its_prediction_waits_for_it():
    watch = Watch(None)
    watch.add(Reading(none(), labels=(LateLabel("a", "lights"), LateLabel("b", "music"), LateLabel("typo", "music"))))
    assert watch.snapshot().notes[-1].startswith("3 labels came for identifiers")
    watch = Watch.restored(watch.state(), None)
    watch.add(Reading(events(START + np.arange(3.0), "en", id=["a", "b", "c"])))
    found = watch.snapshot()
    assert (found.languages["en"].accuracy.n, found.languages["en"].accuracy.value) == (2, 0.5)
    assert found.counters == {"unknown_ids": 3, "early_labels": 2}
    assert found.notes[-1].startswith("1 label came for an identifier")


def test_all_labels_of_one_large_reading_find_their_predictions():
    n = 15_000
    ids = [f"id-{number}" for number in range(n)]
    watch = Watch(None)
    rows = events(START + np.arange(n), "en", id=ids)
    watch.add(Reading(rows, labels=tuple(LateLabel(name, "lights") for name in ids)))
    assert watch.state().languages["en"].labelled == n
    assert watch.snapshot().counters == {}


def test_no_more_than_ten_thousand_wait_and_a_rare_language_keeps_its_own():
    watch = Watch(None)
    watch.add(Reading(events([START], "sw", id=["rare"])))
    for number in range(3):
        ids = [f"{number}-{place}" for place in range(6_000)]
        watch.add(Reading(events(START + 6_000 * number + np.arange(6_000), "en", id=ids)))
    assert sum(len(own.ids) for own in watch.state().pending.values()) == 10_000
    watch.add(Reading(none(), labels=(LateLabel("rare", "lights"), LateLabel("0-0", "lights"))))
    assert watch.snapshot().languages["sw"].accuracy.n == 1
    assert watch.snapshot().counters == {"unknown_ids": 1}


def test_shadow_answers_meet_labels_now_and_later():
    watch = Watch(None)
    rows = events(START + np.arange(3.0), "en", id=["a", "b", "c"], prediction=["x", "x", "x"])
    shadows = (
        ShadowAnswer("a", "en", "x", "y"),
        ShadowAnswer("b", "en", "x", "y"),
        ShadowAnswer(None, "en", "x", "x", label="x"),
        ShadowAnswer("c", "en", "x", "x"),
    )
    watch.add(Reading(rows, shadows=shadows, labels=(LateLabel("a", "y"),)))
    watch = again(watch)
    watch.add(Reading(none(), labels=(LateLabel("b", "x"),)))
    found = watch.snapshot().languages["en"].shadow
    assert (found.n, found.flips, found.labelled, found.lost, found.won) == (4, 2, 3, 1, 1)
    assert found.verdict == "inconclusive"


def test_languages_beyond_the_limit_are_others_and_judged_ones_have_their_place(judged):
    watch = Watch(judged, Rules(max_languages=4), languages=["th"])
    spoken = ["fr", "sw", "it", "th", "fr"]
    watch.add(Reading(events(START + np.arange(5.0), spoken, id=list("abcde"))))
    watch.add(Reading(none(), shadows=(ShadowAnswer(None, "nl", "x", "y"),), labels=(LateLabel("c", "lights"),)))
    found = watch.snapshot().languages
    assert {name: health.predictions for name, health in found.items()} == {
        "other": 3,
        "sw": 1,
        "th": 1,
        "de": 0,
        "en": 0,
    }
    assert found["other"].health == "no baseline"
    assert found["other"].accuracy.n == 1
    assert found["other"].shadow.n == 1
    for number in range(50):
        watch.add(Reading(events([START + number], f"x-l{number}")))
    assert len(watch.snapshot().languages) == 5


def test_variants_are_bounded():
    watch = Watch(None)
    names = [f"variant-{number}" for number in range(30)]
    watch.add(Reading(events(START + np.arange(30.0), "en", variant=names)))
    variants = watch.snapshot().languages["en"].variants
    assert len(variants) == 21
    assert variants["other"] == 10


def test_a_drop_in_one_language_is_found_there_alone_and_its_end_too(judged):
    rng = np.random.default_rng(3)
    watch, opened = Watch(judged), []
    dropped = {"en": 0.9, "de": 0.9, "sw": 0.6}
    for number, accuracy in enumerate([0.9, 0.9, dropped, dropped, 0.9, 0.9, 0.9, 0.9]):
        # The confidence of `traffic` follows the accuracy, so that the estimate may see the drop as well.
        rows = traffic(rng, 5_000, SHARES, accuracy, start=START + 500 * number)
        opened += [(number, alert) for alert in watch.add(Reading(rows))]
    assert {alert.language for _, alert in opened} == {"sw"}
    accuracy = next(alert for number, alert in opened if alert.signal == "accuracy")
    assert accuracy.id == "sw-accuracy-1"
    assert accuracy.since >= datetime.fromtimestamp(START + 900, UTC)
    assert datetime.fromtimestamp(START + 1_000, UTC) < accuracy.found_at < datetime.fromtimestamp(START + 2_000, UTC)
    assert accuracy.message.startswith("Swahili (sw): the accuracy fell from 9")
    assert " labelled predictions since 2023-11-14 22:" in accuracy.message
    assert "leanglot gate" in accuracy.advice
    assert accuracy.high < 0
    assert 0 < accuracy.chance <= 0.05
    found = watch.snapshot()
    assert [alert.id for alert in found.alerts if alert.ended_at is None] == []
    assert found.alerts[-1].ended_at > accuracy.found_at
    assert found.languages["sw"].health == "quiet"


def test_an_open_alert_is_the_languages_health(judged):
    rng = np.random.default_rng(4)
    watch = Watch(judged)
    watch.add(Reading(traffic(rng, 8_000, SHARES, {"en": 0.9, "de": 0.7, "sw": 0.9})))
    found = watch.snapshot().languages
    assert found["de"].health == "alert"
    assert "de-accuracy-1" in found["de"].alerts
    assert found["de"].reason == watch.open_alerts("de")[0].message
    assert found["en"].health == "quiet"
    assert found["en"].alerts == ()
    assert found["en"].detectable_drop < 0.05
    assert "would probably have been found" in found["en"].reason


def test_without_labels_the_estimate_is_told_or_why_not(judged):
    rng = np.random.default_rng(5)
    watch = Watch(judged)
    watch.add(Reading(traffic(rng, 4_000, {"en": 0.97, "sw": 0.03}, labelled=0.0)))
    found = watch.snapshot().languages
    assert found["en"].health == "quiet"
    assert "it is estimated from the confidence" in found["en"].reason
    assert found["en"].estimate.value == pytest.approx(0.9, abs=0.05)
    assert found["sw"].health == "not enough data"
    assert "none of them labelled" in found["sw"].reason
    assert found["sw"].estimate.reason in found["sw"].reason


def test_a_change_of_the_mix_of_languages_is_found(judged):
    rng = np.random.default_rng(6)
    watch = Watch(judged)
    assert watch.add(Reading(traffic(rng, 12_000, SHARES))) == ()
    opened = watch.add(Reading(traffic(rng, 4_000, {"en": 0.3, "de": 0.3, "fr": 0.4}, start=START + 1_200)))
    mix = [alert for alert in opened if alert.signal == "traffic"]
    assert [(alert.id, alert.language) for alert in mix] == [("all-traffic-1", "*")]
    assert mix[0].message.startswith("All traffic: the share of predictions in ")
    assert watch.open_alerts("*") == tuple(mix)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_killed_and_begun_anew_at_any_time_it_goes_on_bit_for_bit(judged, seed):
    rng = np.random.default_rng(seed)
    calm = traffic(rng, 4_000, SHARES, labelled=0.5)
    worse = traffic(rng, 4_000, {"en": 0.4, "sw": 0.4, "fr": 0.2}, 0.6, start=START + 400.0, labelled=0.5)
    readings = []
    for number, rows in enumerate([calm, worse]):
        ends = [*sorted(rng.choice(np.arange(1, 4_000), 12, replace=False).tolist()), 4_000]
        for place, part in enumerate(portions(rows, ends)):
            ids = [f"{number}-{place}-{at}" for at in range(len(part))]
            labels = tuple(LateLabel(name, "music") for name in ids[::7])
            shadows = tuple(ShadowAnswer(name, "en", "music", "lights") for name in ids[::11])
            readings.append(Reading(replace(part, id=tuple(ids)), labels, shadows, (("broken_lines", 1),)))
    whole = Watch(judged)
    parted = Watch(judged)
    opened = []
    for reading in readings:
        opened += whole.add(reading)
        parted = again(parted)
        parted.add(reading)
    assert opened
    assert whole.state().model_dump_json() == parted.state().model_dump_json()
    assert whole.snapshot() == parted.snapshot()
    assert Snapshot.model_validate_json(whole.snapshot().model_dump_json()) == whole.snapshot()


@settings(max_examples=15, deadline=None)
@given(ends=st.lists(st.integers(1, 2_999), max_size=6))
def test_in_whatever_portions_a_log_is_read_the_tests_say_the_same(judged, ends):
    rng = np.random.default_rng(8)
    before, after = traffic(rng, 2_000, SHARES), traffic(rng, 1_000, {"en": 0.1, "de": 0.9}, start=START + 200)
    rows = events(
        [*before.time, *after.time],
        before.language + after.language,
        prediction=before.prediction + after.prediction,
        label=before.label + after.label,
        confidence=[*before.confidence, *after.confidence],
        tokens=[*before.tokens, *(after.tokens + 40)],
    )
    whole, parted = Watch(judged), Watch(judged)
    whole.add(Reading(rows))
    for part in portions(rows, [*sorted(set(ends)), 3_000]):
        parted.add(Reading(part))
    one, other = whole.state(), parted.state()
    for name, own in one.languages.items():
        assert own.detector == other.languages[name].detector
        assert (own.minutes, own.outcomes) == (other.languages[name].minutes, other.languages[name].outcomes)
    assert one.traffic == other.traffic
    assert sorted(one.alerts.open, key=str) == sorted(other.alerts.open, key=str)
    assert {alert.signal for alert in one.alerts.open} >= {"length", "traffic"}


def test_the_state_stops_growing(judged):
    """With all that a log can bring, each doubling adds a few buckets of counts and nothing else."""
    rng = np.random.default_rng(9)
    watch, sizes = Watch(judged, Rules(block=20)), {}
    for number in range(1, 33):
        rows = traffic(rng, 1_500, {**SHARES, "fr": 0.1}, start=START + 300.0 * number, gap=0.2, labelled=0.3)
        ids = [f"{number:03}-{place:04}" for place in range(1_500)]
        rows = replace(rows, id=tuple(ids))
        labels = tuple(LateLabel(name, rows.prediction[place]) for place, name in enumerate(ids) if place % 10)
        watch.add(Reading(rows, shadows=(ShadowAnswer(ids[0], "en", "x", "y"),), labels=labels[::2]))
        if number in {8, 16, 32}:
            state = watch.state()
            assert sum(len(own.ids) for own in state.pending.values()) <= 10_000
            assert len(state.early) <= 10_000
            sizes[number] = len(state.model_copy(update={"pending": {}, "early": {}}).model_dump_json())
    assert sizes[32] - sizes[16] < 0.15 * sizes[16]
    assert sizes[32] - sizes[16] < 1.3 * (sizes[16] - sizes[8]) + 2_000


def test_another_baseline_or_other_rules_are_refused(judged):
    watch = Watch(judged)
    watch.add(Reading(events([START], "en")))
    state = watch.state()
    other = judged.model_copy(update={"languages": {"en": judged.languages["en"]}})
    with pytest.raises(RunError, match=r"the baseline demo \(\w{12}\) then, the baseline demo \(\w{12}\) now"):
        Watch.restored(state, other)
    with pytest.raises(RunError, match="then, no baseline now"):
        Watch.restored(state, None)
    with pytest.raises(RunError, match=r"alpha was 0\.05 and is 0\.01; block was 100 and is 50"):
        Watch.restored(state, judged, Rules(alpha=0.01, block=50))
    assert Watch.restored(state, judged.model_copy(), Rules()).state() == state
