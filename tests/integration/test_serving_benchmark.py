"""The serving benchmarks: their client and their sums against scripted servers, and all of it on the tiny model."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from leanglot.data.examples import Examples

_BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _benchmarks_leave_no_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(_BENCHMARKS))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("peer", "serving", "overload")):
            del sys.modules[name]


@contextmanager
def scripted(answer: Callable[[int], tuple[int, dict[str, str], bytes] | None]) -> Iterator[int]:
    """A server whose nth answer is given; None closes the connection instead. Yields its port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            said = answer(next(count))
            if said is None:
                self.close_connection = True
                return
            status, headers, body = said
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[:3])
            self.wfile.write(body[3:])  # in two pieces, as a network may bring it

        def log_message(self, *_: object) -> None:
            pass

    count = iter(range(10**9))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def predicted(*labels: str, first: int = 0) -> tuple[int, dict[str, str], bytes]:
    said = [{"id": f"id-{first + place}", "label": label} for place, label in enumerate(labels)]
    body = json.dumps({"predictions": said}).encode()
    return 200, {"Content-Length": str(len(body))}, body


def test_clients_that_wait_get_each_answer_once_and_the_clock_runs_while_all_are_busy() -> None:
    import serving_load

    with scripted(lambda number: predicted("music", first=number)) as port:
        burst = serving_load.Burst(port, "/predict", ["{}", "{}", "{}"], clients=4, ramp=5, count=20, seconds=0.0)
        outcome = serving_load.run_burst(burst)

    assert sorted(reply.number for reply in outcome.replies) == list(range(outcome.sent))
    assert len({reply.body for reply in outcome.replies}) == outcome.sent
    assert (outcome.first, outcome.last) == (5, 25)
    assert 25 <= outcome.sent <= 25 + 4
    assert min(reply.latency_ms for reply in outcome.replies) > 0
    assert outcome.seconds > 0


def test_a_connection_that_ends_without_an_answer_is_an_error_for_clients_that_wait() -> None:
    import serving_load

    with scripted(lambda number: None if number == 7 else predicted("music")) as port, pytest.raises(ConnectionError):
        serving_load.run_burst(serving_load.Burst(port, "/", ["{}"], clients=1, ramp=2, count=20, seconds=0.0))


def test_an_answer_of_unknown_length_is_not_guessed_at() -> None:
    import serving_http
    import serving_load

    with scripted(lambda _: (200, {}, b"{}")) as port, pytest.raises(serving_http.LoadError, match="Content-Length"):
        serving_load.run_burst(serving_load.Burst(port, "/", ["{}"], clients=1, ramp=1, count=1, seconds=0.0))


def test_arrivals_that_wait_for_nobody_are_all_accounted_for(tmp_path: Path) -> None:
    import overload_arrivals
    import overload_summing

    def answer(number: int) -> tuple[int, dict[str, str], bytes] | None:
        if number % 10 == 9:
            return None
        if number % 3 == 0:
            return 503, {"Content-Length": "2", **({} if number == 0 else {"Retry-After": "2"})}, b"{}"
        return predicted("music", "lights", first=2 * number)

    file = tmp_path / "answers"
    with scripted(answer) as port:
        storm = overload_arrivals.Storm(port, "/", ["{}"], 400.0, 0.5, seed=1, most=200, file=str(file))
        done = overload_arrivals.run_storm(storm)
    answers = overload_summing.read_replies(file, done["started_ns"], [["music", "weather"]])

    counts, accepted = done["counts"], int((answers.status == 200).sum())
    assert counts["sent"] > 100
    assert counts["unanswered"] == 0
    assert counts["broken"] == counts["sent"] // 10
    assert len(answers.status) == counts["sent"] - counts["broken"]
    assert answers.retry_after == {"-": 1, "2": int((answers.status == 503).sum()) - 1}
    assert len(answers.ids) == 2 * accepted
    assert set(answers.ids.values()) == {1}
    assert answers.labels == accepted
    assert answers.miscounted == 0
    assert (answers.latency_ms >= answers.late_ms).all()
    assert (answers.late_ms >= 0).all()
    assert ((answers.due_s >= 0) & (answers.due_s < 0.5)).all()
    part = overload_summing.stretch(answers, 0.0, 0.5, [(0.1, 7), (0.6, 9)])
    assert (part.accepted, part.texts, part.rss_bytes) == (accepted, 2 * accepted, 7)
    assert part.accepted_ms[2] is None  # too few for a p99


def test_lost_and_doubled_answers_and_log_lines_are_found(tmp_path: Path) -> None:
    import overload_summing

    replies = [(0, 200, ["a", "b"]), (1, 200, ["a"]), (2, 200, ["c"]), (3, 504, [])]
    lines = []
    for number, status, ids in replies:
        body = json.dumps({"predictions": [{"id": each, "label": "music"} for each in ids]})
        lines.append(f"{number} 1000 2000 3000000 {status} - {body}\n")
    file, log = tmp_path / "answers", tmp_path / "log"
    file.write_text("".join(lines))
    answers = overload_summing.read_replies(file, 0, [["music", "lights"]])
    logged = [{"id": each, "prediction": "music"} for each in ("a", "b", "b", "z")]
    log.write_text("".join(json.dumps(each) + "\n" for each in [*logged, {"id": "a", "label": "music"}]) + '{"id": "c"')

    assert answers.ids == {"a": 2, "b": 1, "c": 1}
    assert answers.miscounted == 2
    assert answers.labels == 1
    assert answers.others == ('504 {"predictions": []}',)
    found = overload_summing.read_log(log, answers.ids)
    assert (found.lines, found.given, found.missing, found.repeated, found.unknown, found.broken) == (4, 3, 1, 1, 1, 1)


def test_goals_are_missed_when_something_is_lost_slow_or_kept(tmp_path: Path) -> None:
    import overload_records as records
    import overload_summing as summing

    times = np.linspace(0, 9, 2000)
    latency = np.where(np.arange(2000) % 2, 5.0, 50.0)
    status = np.where(np.arange(2000) % 2, 503, 200)

    def case(**changes: object) -> list[bool | None]:
        answers = records.Answers(times, latency, latency * 0, status, status // status, {"1": 1000}, {}, 0, 0, ())
        load = records.Load(100.0, 200.0, 200.0, {"sent": 2000}, 1.0, 0.1, 1.0)
        memory = summing.sum_memory(90, [100, 101], [(float(second), 200) for second in range(100)], [102], 100.0)
        whole = summing.stretch(answers, 0.0, 10.0, ())
        parts = {"load": load, "whole": whole, "answers": answers, "memory": memory, "alone_ms": (2.0, 2.2)}
        parts |= {"logged": records.Logged(1000, 1000, 0, 0, 0, 0), "ended_with": 0}
        return [goal.met for goal in summing.judge_goals(summing.Case(**{**parts, **changes}))]

    assert case() == [True] * 7
    assert case(load=records.Load(100.0, 200.0, 200.0, {"sent": 2001}, 1.0, 0.1, 1.0))[0] is False
    bare = records.Answers(times, latency, latency * 0, status, status // status, {"-": 1}, {"a": 2}, 0, 0, ())
    assert case(answers=bare)[:2] == [False, False]
    assert case(load=records.Load(200.0, 200.0, 200.0, {"sent": 2000}, 1.0, 0.1, 1.0))[2] is False
    assert case(memory=records.Memory(90, 100, 200, 106, None, ()))[3] is False
    assert case(alone_ms=(2.0, 2.6))[4] is False
    assert case(logged=records.Logged(999, 1000, 1, 0, 0, 0))[5] is False
    assert case(ended_with=-9)[6] is False


def test_growth_of_memory_is_told_of_long_loads_alone() -> None:
    import overload_summing

    during = [(float(second), 1000 + 5 * max(0, second - 150)) for second in range(300)]

    assert overload_summing.sum_memory(900, [1000], during, [1100], 300.0).per_hour == pytest.approx(5 * 3600)
    assert overload_summing.sum_memory(900, [1000], during[::2], [1100], 300.0).per_hour is None


def test_percentiles_are_left_out_where_samples_are_few() -> None:
    import serving_summing

    found = serving_summing.latencies([list(range(400)), list(range(300))])

    assert found.n == 700
    assert found.value[99] is not None
    assert found.spread[99] is None
    assert found.spread[95] is not None
    assert (found.spread[50].low, found.spread[50].high) == (149.5, 199.5)
    assert serving_summing.latencies([[1.0] * 100]).value == {50: 1.0, 95: None, 99: None}


def test_other_answers_and_repeated_identifiers_are_counted() -> None:
    import serving_measuring
    import serving_summing

    answers = [(0, *_said("music", 1)), (1, *_said("music", 2)), (0, *_said("lights", 2)), (1, 503, "{}")]
    run = serving_measuring.Run([1.0], 1.0, 0.1, 0.1, 1.0, 5, answers)
    right = serving_measuring.Right(["music", "lights"], [0.5, 0.25], ["music", "music"], ["music", "music"])

    found = serving_summing.check([run], right)

    assert (found.sent, found.answered, found.refused, found.repeated, found.other) == (5, 4, 1, 1, 2)
    assert (found.accuracy, found.bare_accuracy) == (2 / 3, 2 / 3)
    batched = serving_summing.batched_rows({"int8": right})["onnxruntime-int8"]
    assert (batched.texts, batched.other, batched.widest) == (2, 1, 0.25)


def _said(label: str, first: int) -> tuple[int, str]:
    status, _, body = predicted(label, first=first)
    return status, body.decode()


@pytest.mark.slow
def test_all_servers_are_measured_and_their_answers_checked(
    tiny_model: Path, onnx_artifact: Path, tiny_rows: list[dict[str, str]], tmp_path: Path
) -> None:
    import serving
    import serving_measuring
    import serving_peers
    import serving_tables

    effort = serving_measuring.Effort(rounds=2, alone=8, loaded=40, seconds=0.0, clients=8, per_language=1)
    artifacts = {"fp32": onnx_artifact, "int8": onnx_artifact}
    plan = serving.Plan(tiny_model, artifacts, _examples(tiny_rows), effort, tmp_path, lambda _: None)

    results = serving.run(plan)

    names = [serving_peers.PLAIN, serving_peers.LIMITED, *serving_peers.OURS.values()]
    assert [row.name for row in results.servers] == names
    assert set(results.bare) == set(serving_peers.BARE.values())
    for row in results.servers:
        assert row.alone.latency.n == 2 * 8
        assert row.loaded.latency.n >= 2 * 40
        for checked in (row.alone.checked, row.loaded.checked):
            assert checked is not None
            assert (checked.refused, checked.repeated, checked.other) == (0, 0, 0)
            assert checked.sent == checked.answered > 0
        assert row.rss_bytes > 10**7
    ours = results.servers[2].loaded.against[serving_peers.PLAIN]
    assert 0 < ours.low <= ours.median <= ours.high
    assert results.goals[0].met
    assert results.goals[-1].met
    text = serving_tables.render(results)
    assert "| leanglot-int8: at least 3 times the throughput of pipeline " in text
    assert "| leanglot-fp32: added p50 below 1.5 ms " in text


@pytest.mark.slow
def test_an_overloaded_server_accounts_for_every_text(
    onnx_artifact: Path, tiny_rows: list[dict[str, str]], tmp_path: Path
) -> None:
    import overload
    import overload_course
    import overload_tables

    effort = overload_course.Effort(
        seconds=2.0, times=2.0, clients=4, capacity_s=0.5, warm_s=0.5, rest_s=0.1, alone=10, connections=300
    )
    plan = overload.Plan(onnx_artifact, _examples(tiny_rows), (), True, effort, tmp_path, lambda _: None)

    results = overload.run(plan)

    goals = {goal.goal: goal for goal in results.goals}
    assert goals["every accepted text is in the log, once"].met, goals
    assert goals["SIGTERM ends it in order"].met, goals
    assert results.logged is not None
    assert results.logged.lines == results.logged.given > results.whole.texts > 0
    assert results.answers.miscounted == results.answers.labels == 0
    assert results.whole.arrived == len(results.answers.status)
    assert results.memory.before > 10**7
    assert "| every request has one answer, 200 or 503" in overload_tables.render(results)


def _examples(rows: list[dict[str, str]]) -> Examples:
    texts, labels, languages = (tuple(row[key] for row in rows) for key in ("text", "label", "language"))
    return Examples(texts, labels, languages)
