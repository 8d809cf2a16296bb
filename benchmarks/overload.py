"""Twice what the server can do, for ten minutes: what it refuses, how long others wait, what stays in its memory.

Run it with ``python benchmarks/overload.py``; ``--help`` shows the options. Requests arrive at a rate of their own and
wait for nobody, from a process of its own. Afterwards each answer and each line of the prediction log is accounted for.
"""

import argparse
import os
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from overload_course import Course, Effort, Hands, Requests, carry_out, make_requests
from overload_records import Answers, Load, Results, Stretch
from overload_summing import Case, judge_goals, read_log, read_replies, stretch, sum_memory
from overload_tables import render
from peer_shapes import balanced
from serving import RESULTS, bare_worker, make_demo_artifact, served_environment, shuffled, teller, work_folder
from serving_peers import READY, serve_command
from serving_processes import Server, Worker

from leanglot.data.examples import Examples
from leanglot.quiet import quiet_imports
from leanglot.results.manifest import read_manifest

_PER_LANGUAGE: Final = 35
_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does.

    Attributes:
        artifact: What is served.
        examples: Labelled texts.
        options: Of ``leanglot serve``.
        logged: Whether a prediction log is written.
        effort: How much is measured.
        work: For what is written meanwhile.
        tell: Told what is being done.
    """

    artifact: Path
    examples: Examples
    options: Sequence[str]
    logged: bool
    effort: Effort
    work: Path
    tell: Callable[[str], None]


def main() -> None:
    """Measure, print, and with ``--write`` keep."""
    options, tell = _options(), teller()
    with quiet_imports():
        from leanglot.data.demo import demo_data

    with work_folder(options.work, "overload") as work:
        plan = Plan(
            artifact=options.artifact or make_demo_artifact("int8", work, tell),
            examples=balanced(demo_data().test, _PER_LANGUAGE),
            options=shlex.split(options.serve),
            logged=not options.no_log,
            effort=Effort(seconds=options.minutes * _MINUTE, times=options.times),
            work=work,
            tell=tell,
        )
        text = render(run(plan))
    sys.stdout.write(text)
    if options.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "overload.md").write_text(text, encoding="utf-8")


def run(plan: Plan) -> Results:
    """Start the server, overload it, end it, and account for everything."""
    log, file = plan.work / "predictions.jsonl", plan.work / "answers"
    log.unlink(missing_ok=True)
    options = (*plan.options, *(("--log", str(log)) if plan.logged else ()))
    server = Server(serve_command(plan.artifact, options), READY, plan.work / "server.log")
    with ExitStack() as stack:
        requests = _requests(plan)
        clients = stack.enter_context(Worker("serving_load.py", (), plan.work / "clients.log"))
        arrivals = stack.enter_context(Worker("overload_arrivals.py", (), plan.work / "arrivals.log"))
        plan.tell("starting the server")
        hands = Hands(stack.enter_context(server), clients, arrivals, file, plan.tell)
        course = carry_out(hands, requests, plan.effort)
    plan.tell("accounting for all answers")
    answers = read_replies(file, course.storm["started_ns"], requests.expected)
    return _summed(plan, course, answers, log if plan.logged else None, server.ended_with)


def _summed(plan: Plan, course: Course, answers: Answers, log: Path | None, ended_with: int | None) -> Results:
    seconds = plan.effort.seconds
    load, whole = _load(plan, course, answers), stretch(answers, 0.0, seconds, course.during)
    memory = sum_memory(course.ready, course.before, course.during, course.after, seconds)
    logged = None if log is None else read_log(log, Counter(course.ids) + Counter(answers.ids))
    case = Case(load, whole, answers, memory, course.alone_ms, logged, ended_with)
    told = " ".join(("leanglot serve", read_manifest(plan.artifact).name, *plan.options))
    return Results(
        created_at=datetime.now(UTC),
        environment=served_environment(read_manifest(plan.artifact)),
        served=told + (" --log predictions.jsonl" if plan.logged else ""),
        load=load,
        whole=whole,
        minutes=_minutes(answers, course, seconds),
        answers=answers,
        alone_ms=course.alone_ms,
        memory=memory,
        logged=logged,
        ended_with=ended_with,
        goals=judge_goals(case),
        warnings=course.warnings,
    )


def _load(plan: Plan, course: Course, answers: Answers) -> Load:
    storm, seconds = course.storm, plan.effort.seconds
    return Load(
        capacity=course.capacity,
        requests=storm["counts"].get("sent", 0) / seconds,
        texts=float(answers.texts.sum()) / seconds,
        counts=storm["counts"],
        late_ms=float(np.percentile(answers.late_ms, 99)),
        client_share=storm["cpu_s"] / seconds / (os.cpu_count() or 1),
        drained_s=storm["drained_s"],
    )


def _minutes(answers: Answers, course: Course, seconds: float) -> tuple[Stretch, ...]:
    starts = np.arange(0.0, seconds, _MINUTE)
    return tuple(
        stretch(answers, float(start), min(_MINUTE, seconds - float(start)), course.during) for start in starts
    )


def _requests(plan: Plan) -> Requests:
    manifest = read_manifest(plan.artifact)
    texts = shuffled(plan.examples, manifest.labels)
    plan.tell("what ONNX Runtime answers to each text")
    with bare_worker(plan.artifact, manifest, plan.work / "bare.log") as bare:
        return make_requests(texts, bare.ask({"texts": texts.texts, "size": 1})["places"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long requests arrive (10)")
    parser.add_argument("--times", type=float, default=2.0, help="how many times the capacity arrives (2)")
    parser.add_argument("--artifact", type=Path, help="what is served, for ONNX Runtime; else the demo's INT8 is made")
    parser.add_argument("--no-log", action="store_true", help="serve without a prediction log")
    parser.add_argument("--serve", default="", metavar="OPTIONS", help='further options, as "--queue-texts 512"')
    parser.add_argument("--write", action="store_true", help="keep the tables in benchmarks/results/overload.md")
    parser.add_argument("--work", type=Path, help="a folder for what is made, used again next time")
    return parser.parse_args()


if __name__ == "__main__":
    main()
