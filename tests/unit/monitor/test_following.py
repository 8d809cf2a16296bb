import json
import os
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanglot.monitor.following import Follower
from leanglot.monitor.log_files import FileState
from leanglot.monitor.log_lines import LONGEST_LINE


def line(number, time=None, **fields):
    entry = {"time": number if time is None else time, "id": str(number), "prediction": "x"} | fields
    return json.dumps(entry) + "\n"


def lines(*numbers):
    return "".join(map(line, numbers))


def append(path, text):
    with path.open("a") as file:
        file.write(text)


def ids(follower, **options):
    """Identifiers of all that is new, read in as many looks as it takes."""
    found = []
    while True:
        look = follower.look(**options)
        found += map(int, look.reading.events.id)
        if not look.behind:
            return found


def stored(follower):
    """The states after a way through a file."""
    return [FileState.model_validate_json(state.model_dump_json()) for state in follower.states()]


@pytest.fixture
def log(tmp_path):
    return tmp_path / "predictions.jsonl"


def test_what_is_new_is_read_once(log):
    append(log, lines(1, 2))
    follower = Follower([log])
    assert ids(follower) == [1, 2]
    assert ids(follower) == []
    append(log, lines(3))
    assert ids(follower) == [3]


def test_another_process_goes_on_where_the_first_stopped(log):
    append(log, lines(1, 2))
    first = Follower([log])
    assert ids(first) == [1, 2]
    append(log, lines(3))
    assert ids(Follower([log], stored(first))) == [3]


def test_a_file_that_is_not_there_yet_is_waited_for(log):
    follower = Follower([log])
    assert ids(follower) == []
    append(log, lines(1))
    assert ids(follower) == [1]


def test_a_last_line_without_its_end_waits(log):
    whole = line(2)
    append(log, line(1) + whole[:10])
    follower = Follower([log])
    look = follower.look()
    assert (look.reading.events.id, look.faults, look.behind) == (("1",), (), False)
    append(log, whole[10:])
    assert ids(follower) == [2]


def test_at_the_end_a_whole_last_line_needs_no_end(log):
    append(log, line(1) + line(2).rstrip("\n"))
    follower = Follower([log])
    assert ids(follower, final=True) == [1, 2]
    append(log, "\n" + line(3))
    assert ids(follower) == [3]


def test_at_the_end_a_last_line_that_was_cut_off_still_waits(log):
    append(log, line(1) + line(2)[:10])
    follower = Follower([log])
    look = follower.look(final=True)
    assert (look.reading.events.id, look.faults, look.behind) == (("1",), (), False)
    assert look.notes == (f"{log} ends within a line, which is not read before it is whole.",)
    append(log, line(2)[10:])
    look = follower.look(final=True)
    assert (look.reading.events.id, look.notes) == (("2",), ())


def test_a_look_is_bounded_and_says_that_there_is_more(log):
    append(log, lines(*range(1000)))
    follower = Follower([log])
    look = follower.look(limit=1000)
    assert look.behind
    assert 0 < len(look.reading.events) < 40
    assert [*map(int, look.reading.events.id), *ids(follower, limit=1000)] == list(range(1000))


def test_a_line_that_is_too_long_is_passed_over_in_bounded_parts(log):
    append(log, line(1) + "x" * (3 * LONGEST_LINE) + "\n" + line(2))
    follower, found, faults = Follower([log]), [], 0
    for _ in range(100):
        look = follower.look(limit=100_000)
        found += look.reading.events.id
        faults += sum(note.count for note in look.faults if note.fault == "too_long")
        follower = Follower([log], stored(follower))
    assert (found, faults) == (["1", "2"], 1)


def test_a_line_that_is_too_long_may_still_grow(log):
    append(log, "x" * (LONGEST_LINE + 1))
    follower = Follower([log])
    assert [note.fault for note in follower.look().faults] == ["too_long"]
    append(log, "x" * 1000)
    assert ids(follower) == []
    append(log, "\n" + line(1))
    look = follower.look()
    assert (look.reading.events.id, look.faults) == (("1",), ())


@pytest.mark.parametrize("restarted", [False, True])
def test_a_rotated_file_is_read_to_its_end_then_the_new_one(log, restarted):
    append(log, lines(1, 2))
    follower = Follower([log])
    assert ids(follower) == [1, 2]
    append(log, lines(3))
    former = log.with_name("predictions.jsonl.1")
    log.rename(former)
    append(log, lines(4))
    follower = Follower([log], stored(follower)) if restarted else follower
    look = follower.look()
    assert look.reading.events.id == ("3", "4")
    assert look.notes == (f"{log} was rotated; it is read on in {former}.",)
    append(former, lines(5))
    assert ids(follower) == [5], "its writer may finish a line after the rotation"


def test_several_rotations_between_two_looks_lose_nothing(log):
    append(log, lines(1))
    follower = Follower([log])
    assert ids(follower) == [1]
    append(log, lines(2))
    os.utime(log, ns=(10**9, 10**9))
    log.rename(log.with_name("predictions.jsonl.2"))
    append(log, lines(3))
    log.rename(log.with_name("predictions.jsonl.1"))
    append(log, lines(4))
    assert ids(follower) == [2, 3, 4]
    log.with_name("predictions.jsonl.2").unlink()
    log.with_name("predictions.jsonl.1").rename(log.with_name("predictions.jsonl.2"))
    log.rename(log.with_name("predictions.jsonl.1"))
    append(log, lines(5))
    assert ids(follower) == [5]


def test_former_files_are_left_alone_at_the_start(log):
    append(log.with_name("predictions.jsonl.1"), lines(1))
    append(log, lines(2))
    assert ids(Follower([log])) == [2]


def test_a_log_that_was_copied_and_truncated_is_read_on_in_the_copy(log):
    append(log, lines(1, 2))
    follower = Follower([log])
    assert ids(follower) == [1, 2]
    append(log, lines(3))
    shutil.copy(log, log.with_name("predictions.jsonl-20260131"))
    os.truncate(log, 0)
    append(log, lines(4))
    assert ids(follower) == [3, 4]


def test_a_truncated_log_is_told_and_read_from_its_beginning(log):
    append(log, lines(1, 2))
    follower = Follower([log])
    assert ids(follower) == [1, 2]
    os.truncate(log, 0)
    append(log, lines(3))
    look = follower.look()
    assert look.reading.events.id == ("3",)
    assert [f"{log} was truncated" in note and "lost" in note for note in look.notes] == [True]


def test_a_log_that_was_truncated_and_grew_longer_is_recognised_by_its_beginning(log):
    append(log, lines(1))
    follower = Follower([log])
    assert ids(follower) == [1]
    os.truncate(log, 0)
    append(log, lines(2, 3, 4))
    look = follower.look()
    assert look.reading.events.id == ("2", "3", "4")
    assert "truncated" in look.notes[0]


def test_a_log_that_was_written_anew_to_the_same_length_is_recognised(log):
    append(log, lines(1))
    follower = Follower([log])
    assert ids(follower) == [1]
    log.write_text(lines(2))
    os.utime(log, ns=(10**9, 10**9))
    assert ids(follower) == [2]


def test_a_replaced_log_is_told_and_read_from_its_beginning(log, tmp_path):
    append(log, lines(1, 2))
    follower = Follower([log])
    assert ids(follower) == [1, 2]
    new = tmp_path / "new"
    append(new, lines(3))
    new.replace(log)
    look = follower.look()
    assert look.reading.events.id == ("3",)
    assert "was replaced" in look.notes[0]


def test_a_log_that_vanished_and_comes_back_is_not_read_again(log, tmp_path):
    append(log, lines(1, 2))
    follower = Follower([log])
    assert ids(follower) == [1, 2]
    log.rename(tmp_path / "away")
    assert ids(follower) == []
    follower = Follower([log], stored(follower))
    append(tmp_path / "away", lines(3))
    (tmp_path / "away").rename(log)
    assert ids(follower) == [3]


def test_what_was_removed_before_it_was_read_is_told(log):
    append(log, lines(*range(1000)))
    follower = Follower([log])
    follower.look(limit=1000)
    log.unlink()
    assert follower.look().notes == (f"{log} was removed before it was read to its end.",)
    assert follower.look().notes == ()


def test_a_folder_stands_for_its_logs_old_and_new(tmp_path):
    append(tmp_path / "a.jsonl", lines(3))
    append(tmp_path / "a.jsonl.1", lines(1))
    append(tmp_path / "b.ndjson", lines(2))
    append(tmp_path / "notes.txt", "no log\n")
    append(tmp_path / ".hidden.jsonl", lines(9))
    follower = Follower([tmp_path])
    assert ids(follower) == [1, 2, 3]
    append(tmp_path / "c.jsonl", lines(4))
    assert ids(follower) == [4]
    (tmp_path / "a.jsonl.1").rename(tmp_path / "a.jsonl.2")
    (tmp_path / "a.jsonl").rename(tmp_path / "a.jsonl.1")
    append(tmp_path / "a.jsonl", lines(5))
    assert ids(follower) == [5]


def test_files_are_read_in_the_order_of_their_times_not_of_their_names(tmp_path):
    for name, start in (("a", 5000), ("b", 0), ("c", 10_000)):
        append(tmp_path / f"{name}.jsonl", lines(*range(start, start + 5000)))
    assert ids(Follower([tmp_path]), limit=50_000) == list(range(15_000))


def test_files_of_the_same_time_are_merged(tmp_path):
    append(tmp_path / "a.jsonl", lines(*range(0, 200, 2)))
    append(tmp_path / "b.jsonl", lines(*range(1, 200, 2)))
    assert ids(Follower([tmp_path])) == list(range(200))


def test_a_file_given_twice_counts_once(log, monkeypatch):
    append(log, lines(1))
    monkeypatch.chdir(log.parent)
    assert ids(Follower([log, log.parent / "." / log.name, log.relative_to(log.parent)])) == [1]


def test_a_file_that_has_several_names_counts_once(tmp_path):
    first = tmp_path / "2026-01-31.jsonl"
    append(first, lines(1))
    (tmp_path / "current.jsonl").symlink_to(first)
    (tmp_path / "0.jsonl").symlink_to(first)
    os.link(first, tmp_path / "same.jsonl")
    follower = Follower([tmp_path, tmp_path / "current.jsonl"])
    assert ids(follower) == [1]
    follower = Follower([tmp_path / "current.jsonl"], stored(follower))
    append(first, lines(2))
    assert ids(follower) == [2]
    append(first, lines(3))
    follower = Follower([tmp_path], stored(follower))
    assert ids(follower) == [3]
    assert ids(Follower([tmp_path / "0.jsonl"], stored(follower))) == []


def test_labels_without_times_in_a_file_of_their_own_are_read_after_the_predictions(tmp_path):
    append(tmp_path / "b.jsonl", lines(*range(9)))
    append(tmp_path / "a.jsonl", "".join(f'{{"id": "{number}", "label": "x"}}\n' for number in range(9)))
    follower = Follower([tmp_path])
    looks = [follower.look(limit=100) for _ in range(12)]
    first_label = next(place for place, look in enumerate(looks) if look.reading.labels)
    assert sum(len(look.reading.events) for look in looks[: first_label + 1]) == 9


def test_labels_with_times_are_read_in_their_place(tmp_path):
    append(tmp_path / "b.jsonl", lines(*range(9)))
    append(tmp_path / "a.jsonl", '{"id": "0", "label": "x", "timestamp": 4.5}\n{"id": "1", "label": "x"}\n')
    append(tmp_path / "c.jsonl", '{"id": "2", "label": "x", "time": "later"}\n')
    follower = Follower([tmp_path])
    looks = [follower.look(limit=1) for _ in range(15)]
    order = [label.id for look in looks for label in look.reading.labels]
    assert order == ["0", "1", "2"]
    first_label = next(place for place, look in enumerate(looks) if look.reading.labels)
    assert 0 < sum(len(look.reading.events) for look in looks[:first_label]) < 9
    assert not any(look.reading.counters for look in looks)


def test_a_known_file_that_is_not_asked_for_is_left_alone_but_not_forgotten(tmp_path):
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    append(first, lines(1))
    append(second, lines(2))
    follower = Follower([first])
    assert ids(follower) == [1]
    append(first, lines(3))
    follower = Follower([second], stored(follower))
    assert ids(follower) == [2]
    assert ids(Follower([first, second], stored(follower))) == [3]


def test_what_cannot_be_read_is_told_and_the_others_are_read(log, tmp_path, monkeypatch):
    append(log, lines(1))
    append(tmp_path / "secret.jsonl", lines(2))
    real = type(log).open

    def refuse(path, *arguments, **options):
        if path.name == "secret.jsonl":
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **options)

    monkeypatch.setattr(type(log), "open", refuse)
    look = Follower([tmp_path]).look()
    assert look.reading.events.id == ("1",)
    assert look.notes == (f"{tmp_path / 'secret.jsonl'} was skipped: Permission denied.",)
    assert not look.behind


def test_a_pipe_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert ids(Follower([tmp_path / "pipe.jsonl"])) == []


@settings(max_examples=50)
@given(st.data())
def test_however_the_file_is_written_and_read_each_line_counts_once(tmp_path_factory, data):
    log = tmp_path_factory.mktemp("written") / "log.jsonl"
    text = lines(*range(data.draw(st.integers(0, 12))))
    follower, found = Follower([log]), []
    written = 0
    while written < len(text):
        part = data.draw(st.integers(1, len(text) - written))
        append(log, text[written : written + part])
        written += part
        found += follower.look(limit=data.draw(st.integers(1, 400))).reading.events.id
        if data.draw(st.booleans()):
            follower = Follower([log], stored(follower))
        if data.draw(st.booleans()) and data.draw(st.booleans()):
            shutil.copy(log, log.with_name(f"log.jsonl.{written}"))
            # The half of a last line that a copy took along is lost to the truncated log.
            rest = log.read_bytes().rpartition(b"\n")[2]
            log.write_bytes(b"")
            append(log, rest.decode())
    found += map(str, ids(follower))
    assert found == [str(number) for number in range(len(text.splitlines()))]
