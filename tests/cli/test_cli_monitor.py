"""The monitor on the command line: its exit codes, what it follows, what it keeps, and what it refuses."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from leanglot.cli import main
from leanglot.results.baseline_store import store_monitor_baseline
from leanglot.results.manifest import read_manifest
from leanglot.results.monitor_baseline import (
    CONFIDENCE_ENDS,
    FRAGMENTATION_ENDS,
    TOKEN_ENDS,
    LanguageBaseline,
    MonitorBaseline,
)
from leanglot.results.monitoring import Alert, Snapshot

START = 1_700_000_000
PATIENCE_S = 120


def one_bin(ends, count):
    return (0,) * len(ends) + (count,)


def make_baseline(name, labels):
    judged = LanguageBaseline(
        n=1000,
        correct=950,
        confidence=one_bin(CONFIDENCE_ENDS, 1000),
        confidence_correct=one_bin(CONFIDENCE_ENDS, 950),
        labels={labels[0]: 1000},
        tokens=one_bin(TOKEN_ENDS, 1000),
        fragmentation=one_bin(FRAGMENTATION_ENDS, 1000),
        unknown=0,
        scripts={"Latn": 1000},
    )
    return MonitorBaseline(name=name, labels=labels, data="test.jsonl", languages={"de": judged, "en": judged})


@pytest.fixture(scope="module")
def artifact(torch_artifact, tmp_path_factory):
    """An artifact with a baseline in which nine in ten answers of two languages are right."""
    folder = tmp_path_factory.mktemp("monitored") / "tiny"
    shutil.copytree(torch_artifact, folder)
    manifest = read_manifest(folder)
    store_monitor_baseline(folder, make_baseline(manifest.name, manifest.labels))
    return folder


def lines(count, accuracy, start=0, language="de"):
    """Labelled predictions, of which a share is right, spread evenly."""
    right = [int((number + 1) * accuracy) > int(number * accuracy) for number in range(count)]
    entries = [
        {"time": START + start + number, "language": language, "prediction": "a", "label": "a" if each else "b"}
        for number, each in enumerate(right)
    ]
    return "".join(json.dumps(entry) + "\n" for entry in entries)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "predictions.jsonl"


@pytest.fixture
def ended(capsys):
    """Run the monitor; gives its exit code, and what it printed and told."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["monitor", *map(str, arguments)])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return int(stopped.value.code or 0), printed.out, " ".join(printed.err.split())

    return run


@pytest.fixture
def refused(ended):
    """Run the monitor, expect it to be refused, and give its message."""

    def run(*arguments: object) -> str:
        code, printed, told = ended(*arguments)
        assert (code, printed) == (2, "")
        return told

    return run


def test_it_ends_with_0_while_nothing_changed(log, artifact, ended):
    log.write_text(lines(500, 0.95))
    code, printed, told = ended(log, "--artifact", artifact)
    assert (code, told) == (0, "")
    assert "German (de)" in printed
    assert "No alert is open. Of 2 languages: 1 quiet, 1 not enough data." in printed


def test_it_ends_with_1_while_an_alert_is_open(log, artifact, ended):
    log.write_text(lines(300, 0.95) + lines(300, 0.5, 300))
    code, printed, _ = ended(log, "--artifact", artifact)
    assert code == 1
    assert "! de-accuracy-1: German (de): the accuracy fell from 95.0%" in " ".join(printed.split())
    assert "leanglot gate" in printed


def test_bursts_make_the_same_drop_weaker_evidence(log, artifact, ended):
    log.write_text(lines(300, 0.95) + lines(100, 0.5, 300))
    assert ended(log, "--artifact", artifact)[0] == 1
    assert ended(log, "--artifact", artifact, "--design-effect", "20")[0] == 0


def test_without_a_baseline_it_counts_and_says_how_to_make_one(log, torch_artifact, ended):
    log.write_text(lines(300, 0.1))
    for extra in ([], ["--artifact", torch_artifact]):
        code, printed, _ = ended(log, *extra)
        assert code == 0
        assert "– no baseline" in printed
        assert "--save-baseline" in printed
        assert "? No alert is open." in printed


def test_the_snapshot_is_printed_and_written_as_json(log, artifact, ended, tmp_path):
    log.write_text(lines(300, 0.95))
    code, printed, _ = ended(log, "--artifact", artifact, "--json", "--snapshot", tmp_path / "now.json")
    found = Snapshot.model_validate_json(printed)
    assert (code, found.predictions, found.languages["de"].accuracy.value) == (0, 300, 0.95)
    assert Snapshot.model_validate_json((tmp_path / "now.json").read_text()) == found


def test_a_state_goes_on_where_the_last_call_stopped(log, artifact, ended, tmp_path):
    state = tmp_path / "state.json"
    log.write_text(lines(300, 0.95))
    assert ended(log, "--artifact", artifact, "--state", state)[0] == 0
    with log.open("a") as file:
        file.write(lines(300, 0.5, 300))
    code, printed, _ = ended(log, "--artifact", artifact, "--state", state, "--json")
    assert (code, Snapshot.model_validate_json(printed).predictions) == (1, 600)
    code, printed, _ = ended(log, "--artifact", artifact, "--state", state, "--json")
    assert (code, Snapshot.model_validate_json(printed).predictions) == (1, 600)


def test_another_baseline_or_other_rules_are_refused_unless_the_state_is_reset(log, artifact, ended, refused, tmp_path):
    state = tmp_path / "state.json"
    log.write_text(lines(300, 0.95))
    ended(log, "--artifact", artifact, "--state", state)
    told = refused(log, "--state", state)
    assert "no baseline now" in told
    assert "--reset-state" in told
    assert "alpha was 0.05 and is 0.1" in refused(log, "--artifact", artifact, "--state", state, "--alpha", "0.1")
    code, printed, _ = ended(log, "--state", state, "--reset-state", "--json")
    assert (code, Snapshot.model_validate_json(printed).predictions) == (0, 300)


def test_broken_lines_are_skipped_and_told(log, ended):
    log.write_bytes(lines(10, 1).encode() + b"\xff\n{\n" + lines(10, 1, 10).encode())
    code, printed, _ = ended(log)
    assert code == 0
    assert "1 entry was skipped: no valid UTF-8 (first:" in " ".join(printed.split())
    assert "20 predictions" in printed


def test_a_log_with_nothing_usable_is_refused(log, refused):
    log.write_text('{"text": "hello"}\n' * 3)
    told = refused(log)
    assert "Nothing in the logs can be used. 3 entries were skipped: neither a prediction" in told


def test_an_empty_log_is_not_called_well(log, artifact, ended):
    log.write_text("")
    code, printed, _ = ended(log, "--artifact", artifact)
    assert code == 0
    assert "no predictions yet" in printed
    assert "? No alert is open. Of 2 languages: 2 not enough data." in printed


def test_a_slow_language_is_found_by_its_latency_budget(log, artifact, ended):
    entries = [
        {"time": START + number, "language": "de", "prediction": "a", "latency_ms": 500} for number in range(1000)
    ]
    log.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    assert ended(log, "--artifact", artifact)[0] == 0
    code, printed, _ = ended(log, "--artifact", artifact, "--latency-budget-ms", "100")
    assert code == 1
    assert "de-latency-1" in printed


def test_what_is_no_log_is_refused(tmp_path, log, refused):
    assert "is not there. Correct the path, or wait for it with --follow." in refused(log)
    (tmp_path / "empty").mkdir()
    assert "There is no log in" in refused(tmp_path / "empty")
    (tmp_path / "old.jsonl.gz").write_bytes(b"\x1f\x8b")
    assert "is compressed. Unpack it first." in refused(tmp_path / "old.jsonl.gz")
    os.mkfifo(tmp_path / "pipe")
    assert "is no ordinary file" in refused(tmp_path / "pipe")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    assert "cannot be read as Parquet" in refused(tmp_path / "bad.parquet")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--tolerance", "accuracy=0.1"], "names no signal. Allowed are estimate"),
        (["--tolerance", "length"], "is not of the form signal=0.1"),
        (["--tolerance", "length=2"], "the tolerance of length is 2.0"),
        (["--alpha", "0.9"], "alpha is 0.9"),
        (["--design-effect", "0.5"], "design_effect is 0.5"),
        (["--latency-budget-ms", "-1"], "latency_budget_ms is -1.0"),
        (["--latency-budget-ms", "nan"], "latency_budget_ms is nan"),
        (["--every", "5s"], "--every has no effect here"),
        (["--follow", "--every", "often"], "--every:"),
        (["--reset-state"], "--reset-state has no effect without --state"),
        (["--artifact", "nowhere"], "nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_that_cannot_be_used_are_refused(log, refused, options, told):
    log.write_text(lines(10, 1))
    assert told in refused(log, *options)


def test_a_state_that_another_monitor_uses_is_refused(log, refused, tmp_path):
    from leanglot.monitor.keeper import Keeper

    log.write_text(lines(10, 1))
    with Keeper([log], state=tmp_path / "state.json"):
        assert "Another monitor is at work" in refused(log, "--state", tmp_path / "state.json")


def test_a_place_for_the_snapshot_that_cannot_be_written_is_told(log, ended, tmp_path):
    log.write_text(lines(10, 1))
    (tmp_path / "file").write_text("")
    code, _, told = ended(log, "--snapshot", tmp_path / "file" / "now.json")
    assert code == 2
    assert "now.json" in told


class Following:
    """A monitor in a process of its own, with what it printed so far."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "leanglot.cli", "monitor", "--follow", "--every", "0.05s", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.printed: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        self.printed.extend(iter(self.process.stdout.readline, ""))

    def until(self, true) -> None:
        """Wait until something is true; fail when it never is."""
        end = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < end, self.printed
            assert self.process.poll() is None, (self.printed, self.process.stderr.read())
            time.sleep(0.02)

    def end(self, number: int) -> tuple[int, str, str]:
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        told = self.process.stderr.read()
        self.process.stderr.close()
        self.process.stdout.close()
        return code, "".join(self.printed), told


@pytest.fixture
def following():
    """Start monitors that are killed at the end, whatever happens."""
    started: list[Following] = []

    def start(*arguments: object) -> Following:
        started.append(Following(*arguments))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.end(signal.SIGKILL)


def written(path: Path) -> Snapshot | None:
    return Snapshot.model_validate_json(path.read_text()) if path.exists() else None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_it_follows_a_growing_log_and_saves_when_it_is_stopped(log, artifact, following, tmp_path, ended, number):
    now, state = tmp_path / "now.json", tmp_path / "state.json"
    monitor = following(log, "--artifact", artifact, "--snapshot", now, "--state", state, "--json")
    monitor.until(now.exists)
    log.write_text(lines(300, 0.95))
    monitor.until(lambda: written(now).predictions == 300)
    with log.open("a") as file:
        file.write(lines(300, 0.5, 300))
    monitor.until(lambda: monitor.printed)
    code, printed, told = monitor.end(number)
    assert (code, told) == (1, "")
    (opened,) = map(Alert.model_validate_json, printed.splitlines())
    assert (opened.id, opened.ended_at) == ("de-accuracy-1", None)
    _, printed, _ = ended(log, "--artifact", artifact, "--state", state, "--json")
    assert Snapshot.model_validate_json(printed).predictions == 600


def test_it_shows_alerts_as_they_open_and_tells_what_it_notices(log, artifact, following, tmp_path):
    now = tmp_path / "now.json"
    log.write_text(lines(300, 0.95))
    monitor = following(log, "--artifact", artifact, "--snapshot", now)
    monitor.until(lambda: now.exists() and written(now).predictions == 300)
    os.truncate(log, 0)
    with log.open("a") as file:
        file.write("{\n" + lines(300, 0.5, 300))
    monitor.until(lambda: any("de-accuracy-1" in line for line in monitor.printed))
    monitor.until(lambda: written(now).predictions == 600)
    code, printed, told = monitor.end(signal.SIGTERM)
    assert code == 1
    assert printed.index("no predictions yet") < printed.index("! de-accuracy-1")
    assert printed.rstrip().splitlines()[-1].startswith("! 1 alert is open.")
    assert told.count("was truncated") == 1
    assert told.count("1 entry was skipped: no JSON object") == 1
