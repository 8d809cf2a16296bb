"""The keeper: what it counts survives any end of its process, and its state file guards itself."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logged import log_lines, write_log
from watched import baseline, traffic

from leanglot.errors import RunError, StorageError
from leanglot.monitor.keeper import FAILED_SAVES, Keeper
from leanglot.monitor.kept_state import StateFile
from leanglot.monitor.rules import Rules
from leanglot.monitor.watch import Watch
from leanglot.results.storage import storage_error

SHARES = {"en": 0.6, "de": 0.3, "sw": 0.1}
DAMAGE = 0.5


@pytest.fixture(scope="module")
def judged():
    return baseline(np.random.default_rng(0), SHARES)


@pytest.fixture(scope="module")
def rows():
    """Labelled traffic without confidence whose accuracy in German collapses half-way."""
    return tuple(replace(each, confidence=np.full(len(each), np.nan)) for each in halves(labelled=1.0))


@pytest.fixture(scope="module")
def unlabelled():
    """The same without labels and with confidence."""
    return halves(labelled=0.0)


def halves(labelled):
    rng = np.random.default_rng(1)
    well = traffic(rng, 3_000, SHARES, labelled=labelled)
    ill = {"en": 0.9, "de": DAMAGE, "sw": 0.9}
    return well, traffic(rng, 3_000, SHARES, ill, start=float(well.time[-1]) + 1, labelled=labelled)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "logs" / "predictions.jsonl"


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state.json"


def finished(keeper, **options):
    """All alerts that opened until the logs were read to their end."""
    opened = []
    while True:
        opened += keeper.step(**options)
        if not keeper.behind:
            return opened


def test_a_log_is_read_and_what_changed_is_found(log, rows, judged):
    write_log(log, *rows)
    keeper = Keeper([log], judged)
    opened = finished(keeper)
    found = keeper.snapshot()
    assert {(alert.language, alert.signal) for alert in opened} >= {("de", "accuracy")}
    assert all(alert.language == "de" for alert in opened)
    assert found.predictions == 6_000
    assert found.languages["de"].health == "alert"


@pytest.mark.parametrize("which", ["rows", "unlabelled"])
def test_a_restart_goes_on_as_if_nothing_had_happened(log, state, which, judged, request):
    rows = request.getfixturevalue(which)
    write_log(log, rows[0])
    with Keeper([log], judged, state=state) as keeper:
        finished(keeper, limit=100_000)
    write_log(log, rows[1])
    with Keeper([log], judged, state=state) as keeper:
        opened = finished(keeper, limit=70_000)
        found = keeper.snapshot()
    once = Keeper([log], judged)
    assert [alert.id for alert in finished(once)] == [alert.id for alert in opened]
    assert found == once.snapshot()
    assert found.languages["de"].health == "alert"


@settings(max_examples=10)
@given(st.data())
def test_whenever_it_ends_without_saving_nothing_is_lost_or_counted_twice(tmp_path_factory, judged, rows, data):
    folder = tmp_path_factory.mktemp("killed")
    log, state = folder / "predictions.jsonl", folder / "state.json"
    text = "".join(list(log_lines(rows[1]))[:1000])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    for start, end in pairwise([0, *cuts, len(text)]):
        with log.open("a") as file:
            file.write(text[start:end])
        keeper = Keeper([log], judged, state=state, save_every_s=data.draw(st.sampled_from([0.0, 1e9])))
        for _ in range(data.draw(st.integers(0, 4))):
            keeper.step(limit=data.draw(st.integers(1, 100_000)))
        keeper._release()  # what the system does with the lock of a process that was killed
    with Keeper([log], judged, state=state) as keeper:
        finished(keeper)
        found = keeper.snapshot()
    once = Keeper([log], judged)
    finished(once)
    assert found == once.snapshot()


LOOP = """
import sys
from pathlib import Path
from leanglot.monitor.keeper import Keeper
log, state = map(Path, sys.argv[1:])
keeper = Keeper([log], state=state, save_every_s=0.0)
print("ready", flush=True)
while True:
    keeper.step(limit=20_000)
"""


def test_kill_9_at_any_moment_loses_nothing_and_counts_nothing_twice(log, state, rows):
    rng = np.random.default_rng(2)
    lines = list(log_lines(rows[0]))
    for part in range(3):
        log.parent.mkdir(exist_ok=True)
        with log.open("a") as file:
            file.writelines(lines[part * 1_000 : (part + 1) * 1_000])
        child = subprocess.Popen(
            [sys.executable, "-c", LOOP, str(log), str(state)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert child.stdout.readline() == b"ready\n", child.stderr.read()
        # Not a wait for something: the moment at which it dies shall be any.
        threading.Event().wait(float(rng.uniform(0, 0.1)))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert child.returncode == -signal.SIGKILL
    with Keeper([log], state=state) as keeper:
        finished(keeper)
        found = keeper.snapshot()
    once = Keeper([log])
    finished(once)
    assert found == once.snapshot()
    assert found.predictions == 3_000
    assert sorted(path.name for path in state.parent.iterdir()) == [".state.json.lock", "logs", "state.json"]


def test_an_alert_is_saved_before_it_is_told(log, state, rows, judged):
    write_log(log, *rows)
    keeper = Keeper([log], judged, state=state, save_every_s=1e9)
    opened = finished(keeper)
    keeper._release()
    with Keeper([log], judged, state=state) as again:
        assert {alert.id for alert in again.snapshot().alerts} >= {alert.id for alert in opened} != set()


def test_two_monitors_never_use_one_state(log, state):
    with Keeper([log], state=state), pytest.raises(RunError, match="Another monitor is at work"):
        Keeper([log], state=state)
    Keeper([log], state=state).close()


@pytest.mark.parametrize("cut", [1, 0.5, 0.9])
def test_a_damaged_state_is_refused_with_the_way_out(log, state, rows, cut):
    write_log(log, rows[0])
    with Keeper([log], state=state) as keeper:
        finished(keeper)
    whole = state.read_bytes()
    damaged = (
        whole.replace(b'"predictions":3000', b'"predictions":-3000') if cut == 1 else whole[: int(len(whole) * cut)]
    )
    state.write_bytes(damaged)
    with pytest.raises(RunError, match=r"damaged(?s:.)*--reset-state"):
        Keeper([log], state=state)
    assert state.read_bytes() == damaged
    with Keeper([log], state=state, reset=True) as keeper:
        finished(keeper)
        assert keeper.snapshot().predictions == 3_000
    assert Keeper([log], state=state).snapshot().predictions == 3_000


def test_a_first_process_that_is_killed_soon_loses_nothing_to_a_rotation(log, state, rows):
    write_log(log, rows[0])
    killed = Keeper([log], state=state, save_every_s=1e9)
    killed.step(limit=1_000)
    killed._release()
    log.rename(log.with_name("predictions.jsonl.1"))
    write_log(log, rows[1])
    with Keeper([log], state=state) as keeper:
        finished(keeper)
        assert keeper.snapshot().predictions == 6_000


def test_an_empty_state_is_refused_and_not_taken_for_a_new_one(log, state, rows):
    write_log(log, rows[0])
    state.touch()
    with pytest.raises(RunError, match=r"is empty(?s:.)*--reset-state"):
        Keeper([log], state=state)
    with Keeper([log], state=state, reset=True) as keeper:
        finished(keeper)
    assert Keeper([log], state=state).snapshot().predictions == 3_000


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("watch.began", "NaN"),
        ("watch.newest", "1e400"),
        ("watch.newest", "1e17"),
        ("watch.predictions", "1e30"),
        ("watch.minutes.newest", "1000000000000"),
        ("watch.minutes.counts.0", "100000000000000000000000"),
        ("watch.languages.de.minutes.counts.0", "-1"),
        ("watch.languages.de.detector.predictions.stream.counts.0", "-5"),
        ("watch.languages.de.detector.outcomes.stream.windows.scales.0.0.counts.1", "9000000000000000000"),
        ("watch.languages.de.detector.outcomes.stream.windows.scales.0.0.began", "-Infinity"),
        ("watch.languages.de.detector.outcomes.open.accuracy.cell", "7"),
        ("watch.languages.de.detector.outcomes.open.accuracy.halfway", "NaN"),
        ("watch.languages.de.detector.learned.counts.0", "1e30"),
        ("watch.traffic.course.stream.held", "-1"),
        ("watch.counters.unknown_ids", "-3"),
    ],
)
def test_a_number_in_the_state_that_cannot_be_is_refused(log, state, rows, judged, where, value):
    write_log(log, *rows)
    log.write_text(log.read_text() + '{"id": "never", "label": "x"}\n')
    with Keeper([log], judged, state=state) as keeper:
        finished(keeper)
    kept = json.loads(state.read_bytes())
    *path, last = (int(name) if name.isdigit() else name for name in where.split("."))
    inner = kept
    for name in path:
        inner = inner[name]
    assert last in (inner if isinstance(inner, dict) else range(len(inner)))
    inner[last] = "@"
    state.write_text(json.dumps(kept).replace('"@"', value))
    with pytest.raises(RunError, match=r"(damaged|not tested)(?s:.)*--reset-state"):
        Keeper([log], judged, state=state)


def test_a_state_of_a_newer_version_is_refused(log, state):
    Keeper([log], state=state).close()
    state.write_text(state.read_text().replace('"schema_version":1', '"schema_version":2', 1))
    with pytest.raises(RunError, match="newer leanglot"):
        Keeper([log], state=state)


@pytest.mark.parametrize("reset", [False, True])
def test_a_file_that_is_no_state_is_never_overwritten(log, state, reset):
    state.write_text('{"my": "thesis"}')
    with pytest.raises(RunError, match="no state of a monitor"):
        Keeper([log], state=state, reset=reset)
    assert state.read_text() == '{"my": "thesis"}'


def test_another_baseline_is_refused_unless_the_state_is_begun_anew(log, state, rows, judged):
    write_log(log, rows[0])
    with Keeper([log], judged, state=state) as keeper:
        finished(keeper)
    other = judged.model_copy(update={"name": "pruned"})
    before = state.read_bytes()
    with pytest.raises(RunError, match=r"the baseline demo .* then, the baseline pruned(?s:.)*--reset-state"):
        Keeper([log], other, state=state)
    with pytest.raises(RunError, match=r"alpha was 0\.05 and is 0\.1"):
        Keeper([log], judged, Rules(alpha=0.1), state=state)
    assert state.read_bytes() == before
    with Keeper([log], other, state=state, reset=True) as keeper:
        finished(keeper)
        assert keeper.snapshot().predictions == 3_000


@pytest.fixture
def full_disk(monkeypatch):
    """A disk that is full while it is told to be."""
    full = threading.Event()
    write = StateFile.write

    def write_or_not(file, kept):
        if full.is_set():
            raise storage_error(file.path, OSError(28, os.strerror(28)))
        write(file, kept)

    monkeypatch.setattr(StateFile, "write", write_or_not)
    return full


def test_a_full_disk_is_told_and_the_watch_goes_on(log, state, rows, full_disk):
    write_log(log, rows[0])
    keeper = Keeper([log], state=state, save_every_s=0.0)
    finished(keeper, limit=10_000)
    before = state.read_bytes()
    full_disk.set()
    write_log(log, rows[1])
    finished(keeper)
    found = keeper.snapshot()
    assert found.predictions == 6_000
    assert found.counters[FAILED_SAVES] >= 1
    assert "no space left" in found.notes[-1]
    assert state.read_bytes() == before
    full_disk.clear()
    keeper.step()
    found = keeper.snapshot()
    assert found.counters[FAILED_SAVES] >= 1, "that it happened stays known"
    assert not any("no space left" in note for note in found.notes)
    assert state.read_bytes() != before
    keeper.close()


def test_a_full_disk_at_the_end_is_an_error_and_lets_the_state_go(log, state, rows, full_disk):
    write_log(log, rows[0])
    full_disk.set()
    with pytest.raises(StorageError, match="no space left"), Keeper([log], state=state) as keeper:
        finished(keeper)
    full_disk.clear()
    with Keeper([log], state=state) as keeper:
        finished(keeper)
        assert keeper.snapshot().predictions == 3_000


def test_an_error_inside_is_not_hidden_by_a_full_disk(log, state, full_disk):
    full_disk.set()
    with pytest.raises(KeyError), Keeper([log], state=state):
        raise KeyError


def test_after_an_error_between_reading_and_learning_nothing_is_saved(log, state, rows, monkeypatch):
    write_log(log, rows[0])
    Keeper([log], state=state).close()
    before = state.read_bytes()

    def fail(watch, reading):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Watch, "add", fail)
        keeper = Keeper([log], state=state, save_every_s=0.0)
        with pytest.raises(MemoryError):
            keeper.step()
        keeper.close()
    assert state.read_bytes() == before
    with Keeper([log], state=state) as keeper:
        finished(keeper)
        assert keeper.snapshot().predictions == 3_000


def test_broken_lines_are_told_with_the_place_of_the_first_also_after_a_restart(log, state, rows):
    write_log(log, rows[0])
    place = log.stat().st_size
    sure = b'{"time": 3, "prediction": "x", "confidence": 2}\n'
    with log.open("ab") as file:
        file.write(b'{"time": 1\n{"time": 2\n' + sure + b"\xff\n")
    with Keeper([log], state=state) as keeper:
        finished(keeper)
    found = Keeper([log], state=state).snapshot()
    assert found.counters["broken_lines"] == 4
    assert found.notes[-3:] == (
        f"2 entries were skipped: no JSON object (first: {log}, byte {place:,}).",
        f"1 entry was skipped: a confidence outside 0 to 1 (first: {log}, byte {place + 22:,}).",
        f"1 entry was skipped: no valid UTF-8 (first: {log}, byte {place + 22 + len(sure):,}).",
    )


def test_a_rotation_is_told_and_the_number_of_such_notes_is_bounded(log, state):
    log.parent.mkdir()
    keeper = Keeper([log], state=state)
    for number in range(50):
        log.write_text(json.dumps({"time": number, "prediction": "x", "id": "x" * number}) + "\n")
        keeper.step()
        log.unlink()
        log.write_text("")
        keeper.step()
    found = keeper.snapshot()
    assert found.predictions == 50
    assert len(found.notes) < 10
    assert any("is lost" in note for note in found.notes)
    keeper.close()


def test_a_time_in_the_future_does_not_stop_the_clock(log):
    log.parent.mkdir()
    now = 1_800_000_000
    log.write_text(
        "".join(json.dumps({"time": now + ahead, "prediction": "x"}) + "\n" for ahead in (0, 10**9, 3600, 10))
    )
    keeper = Keeper([log], clock=lambda: now)
    finished(keeper)
    found = keeper.snapshot()
    assert (found.predictions, found.counters["broken_time"], found.counters["late"]) == (3, 1, 1)
    assert found.newest.timestamp() == now + 3600


def test_labels_that_come_later_find_their_predictions_across_a_restart(log, state, judged):
    log.parent.mkdir()
    entry = {"time": 1, "id": "a", "language": "de", "prediction": "x"}
    log.write_text(json.dumps(entry) + "\n")
    with Keeper([log], judged, state=state) as keeper:
        finished(keeper)
    with log.open("a") as file:
        file.write('{"id": "a", "label": "x"}\n{"id": "b", "label": "x"}\n')
    with Keeper([log], judged, state=state) as keeper:
        finished(keeper)
        found = keeper.snapshot()
    assert (found.languages["de"].accuracy.n, found.languages["de"].accuracy.value) == (1, 1.0)
    assert found.counters["unknown_ids"] == 1


def test_the_state_stops_growing_while_the_log_grows(log, state, judged):
    rng = np.random.default_rng(3)
    sizes = []
    keeper = Keeper([log], judged, state=state)
    for part in range(12):
        write_log(log, traffic(rng, 2_000, SHARES, start=1_700_000_000.0 + 3_600 * part))
        finished(keeper)
        keeper.save()
        sizes.append(state.stat().st_size)
    keeper.close()
    assert max(sizes[6:]) < 1.2 * max(sizes[:6])


def test_it_may_be_asked_from_other_threads_while_it_steps(log, rows, judged):
    write_log(log, *rows)
    keeper, stop = Keeper([log], judged), threading.Event()
    seen: tuple[list[int], list[int]] = ([], [])

    def ask(own):
        while not stop.is_set():
            found = keeper.snapshot()
            own.append(found.predictions)
            assert sum(each.predictions for each in found.languages.values()) == found.predictions

    threads = [threading.Thread(target=ask, args=[own]) for own in seen]
    for thread in threads:
        thread.start()
    finished(keeper, limit=50_000)
    stop.set()
    for thread in threads:
        thread.join()
    assert all(own == sorted(own) for own in seen)
    assert keeper.snapshot().predictions == 6_000


def test_the_folder_of_the_state_must_be_writable(log, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        Keeper([log], state=Path(tmp_path / "file" / "state.json"))
