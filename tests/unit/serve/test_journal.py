"""The prediction log: whole lines, rotation, torn ends, full disks, and never waiting for the disk."""

import errno
import json
import os
import threading

import pytest
from telling import answer

from leanglot.errors import ConfigError, StorageError
from leanglot.monitor.events import ShadowAnswer
from leanglot.serve.journal import Journal
from leanglot.serve.metrics import Metrics


@pytest.fixture
def metrics():
    return Metrics("int8", "0.1.0")


@pytest.fixture
def told():
    return []


@pytest.fixture
def journal(tmp_path, metrics, told):
    journal = Journal(tmp_path / "logs" / "log.jsonl", metrics, told.append)
    journal.start()
    yield journal
    journal.stop()


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def dropped(metrics, reason):
    name = f'leanglot_log_dropped_lines_total{{reason="{reason}"}} '
    text = metrics.exposition()[0].decode()
    return next((float(line.removeprefix(name)) for line in text.splitlines() if line.startswith(name)), 0)


class FullDisk:
    """Stands for `os.write` on a disk that has so many bytes left; `free` is raised when somebody deletes something."""

    def __init__(self, free):
        self.free = free
        self._write = os.write

    def __call__(self, file, data):
        if self.free <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = self._write(file, data[: self.free])
        self.free -= done
        return done


def test_a_line_has_all_that_the_monitor_reads(journal):
    journal.answered([answer(confidence=0.87654321), answer("a2", language=None)], 0.0041)
    assert journal.flush()
    first, second = lines(journal.path)
    assert isinstance(first.pop("time"), float)
    assert first == {
        "id": "a1",
        "language": "de",
        "prediction": "lights",
        "confidence": 0.876543,
        "latency_ms": 4.1,
        "variant": "int8",
        "tokens": 7,
        "unknown": 0,
        "characters": 19,
        "script": "Latn",
    }
    assert second["language"] == "und"


def test_labels_and_shadow_answers_have_their_own_lines(journal):
    journal.labelled("a1", "Lichter\u2028\ud800")
    journal.shadowed([ShadowAnswer("a1", "de", "lights", "heating")])
    assert journal.flush()
    assert lines(journal.path) == [
        {"id": "a1", "label": "Lichter\u2028\ud800"},
        {"kind": "shadow", "id": "a1", "language": "de", "served": "lights", "shadow": "heating"},
    ]


def test_a_confidence_is_never_above_one(journal):
    journal.answered([answer(confidence=1.0000001)], 0.1)
    assert journal.flush()
    assert lines(journal.path)[0]["confidence"] == 1.0


def test_every_answer_of_many_threads_is_a_whole_line(journal):
    def log(worker):
        for number in range(50):
            journal.answered([answer(f"{worker}-{number}-{part}") for part in range(3)], 0.1)

    threads = [threading.Thread(target=log, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.flush()
    expected = {f"{worker}-{number}-{part}" for worker in range(4) for number in range(50) for part in range(3)}
    found = [line["id"] for line in lines(journal.path)]
    assert len(found) == 600
    assert set(found) == expected


def test_two_journals_share_a_file(journal, metrics, told):
    other = Journal(journal.path, metrics, told.append)
    other.start()
    for number in range(100):
        journal.answered([answer(f"a{number}")], 0.1)
        other.answered([answer(f"b{number}")], 0.1)
    other.stop()
    assert journal.flush()
    assert len(lines(journal.path)) == 200


def test_a_log_that_was_there_is_continued(journal, metrics, told):
    journal.answered([answer()], 0.1)
    journal.stop()
    again = Journal(journal.path, metrics, told.append)
    again.start()
    again.answered([answer("a2")], 0.1)
    again.stop()
    assert [line["id"] for line in lines(journal.path)] == ["a1", "a2"]


def test_the_end_of_a_killed_process_is_closed(tmp_path, metrics, told):
    path = tmp_path / "log.jsonl"
    path.write_text('{"id": "a0"}\n{"id": "torn', encoding="utf-8")
    journal = Journal(path, metrics, told.append)
    journal.start()
    journal.answered([answer()], 0.1)
    journal.stop()
    whole, torn, new = path.read_text(encoding="utf-8").splitlines()
    assert (json.loads(whole)["id"], torn, json.loads(new)["id"]) == ("a0", '{"id": "torn', "a1")


@pytest.mark.parametrize("gone", [False, True])
def test_a_rotated_log_is_opened_again(journal, tmp_path, gone):
    journal.answered([answer()], 0.1)
    assert journal.flush()
    if gone:
        journal.path.unlink()
    else:
        journal.path.rename(tmp_path / "log.jsonl.1")
    journal.answered([answer("a2")], 0.1)
    assert journal.flush()
    assert [line["id"] for line in lines(journal.path)] == ["a2"]
    if not gone:
        assert [line["id"] for line in lines(tmp_path / "log.jsonl.1")] == ["a1"]


def test_a_full_disk_is_told_once_and_its_end(journal, metrics, told, monkeypatch):
    disk = FullDisk(free=0)
    monkeypatch.setattr("leanglot.serve.journal.os.write", disk)
    for number in range(3):
        journal.answered([answer(f"lost{number}")], 0.1)
        assert journal.flush()
    assert dropped(metrics, "disk full") == 3
    assert len(told) == 1
    assert "not logged any more (disk full)" in told[0]
    disk.free = 1_000_000
    journal.answered([answer("kept")], 0.1)
    assert journal.flush()
    assert [line["id"] for line in lines(journal.path)] == ["kept"]
    assert len(told) == 2
    assert "logged again" in told[1]
    assert "3 lines were lost" in told[1]


def test_a_disk_that_fills_within_a_line_spoils_no_other_line(journal, metrics, told, monkeypatch):
    journal.answered([answer("before")], 0.1)
    assert journal.flush()
    length = journal.path.stat().st_size
    disk = FullDisk(free=length + length // 2)
    monkeypatch.setattr("leanglot.serve.journal.os.write", disk)
    journal.answered([answer("fitted"), answer("teared"), answer("lost")], 0.1)
    assert journal.flush()
    assert dropped(metrics, "disk full") == 2
    disk.free = 1_000_000
    journal.answered([answer("after")], 0.1)
    assert journal.flush()
    assert "leanglot_log_lines_total 3.0" in metrics.exposition()[0].decode()
    found = journal.path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in (found[0], found[1], found[3])] == ["before", "fitted", "after"]
    with pytest.raises(json.JSONDecodeError):
        json.loads(found[2])


def test_a_folder_that_vanished_is_made_again(journal):
    journal.answered([answer()], 0.1)
    assert journal.flush()
    journal.path.unlink()
    journal.path.parent.rmdir()
    journal.answered([answer("a2")], 0.1)
    assert journal.flush()
    assert [line["id"] for line in lines(journal.path)] == ["a2"]


def test_a_path_that_became_unusable_is_told_as_not_writable(journal, metrics, told):
    journal.answered([answer()], 0.1)
    assert journal.flush()
    journal.path.unlink()
    journal.path.parent.rmdir()
    journal.path.parent.write_text("in the way", encoding="utf-8")
    journal.answered([answer("a2")], 0.1)
    assert journal.flush()
    assert dropped(metrics, "not writable") == 1
    assert "not writable" in told[0]


def test_nothing_waits_for_a_disk_that_hangs(tmp_path, metrics, told, monkeypatch):
    hanging, going = threading.Event(), threading.Event()
    write = os.write

    def hang(file, data):
        hanging.set()
        assert going.wait(30)
        return write(file, data)

    monkeypatch.setattr("leanglot.serve.journal.os.write", hang)
    journal = Journal(tmp_path / "log.jsonl", metrics, told.append, queued_lines=5)
    journal.start()
    journal.answered([answer()], 0.1)
    assert hanging.wait(30)
    for number in range(10):
        journal.answered([answer(f"more{number}")], 0.1)
    assert dropped(metrics, "queue full") == 6
    going.set()
    journal.stop()
    assert [line["id"] for line in lines(journal.path)] == ["a1", *(f"more{number}" for number in range(4))]


def test_stopping_gives_up_on_a_disk_that_hangs(tmp_path, metrics, told, monkeypatch):
    hanging, going = threading.Event(), threading.Event()

    def hang(file, data):
        hanging.set()
        assert going.wait(30)
        return len(data)

    monkeypatch.setattr("leanglot.serve.journal.os.write", hang)
    journal = Journal(tmp_path / "log.jsonl", metrics, told.append)
    journal.start()
    journal.answered([answer()], 0.1)
    assert hanging.wait(30)
    journal.stop(timeout_s=0.01)
    assert told == [f"1 lines could not be written to {journal.path} in 0.01 s, and are lost."]
    going.set()
    journal.stop()


def test_lines_after_the_stop_are_counted(journal, metrics):
    journal.stop()
    journal.answered([answer()], 0.1)
    assert dropped(metrics, "queue full") == 1


def test_a_folder_or_a_device_is_refused(tmp_path, metrics, told):
    for path in (tmp_path, tmp_path / "pipe"):
        if path.name == "pipe":
            os.mkfifo(path)
        with pytest.raises(ConfigError, match="no ordinary file"):
            Journal(path, metrics, told.append)


def test_a_path_below_a_file_is_refused_with_the_option(tmp_path, metrics, told):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match="--log"):
        Journal(tmp_path / "file" / "log.jsonl", metrics, told.append)
