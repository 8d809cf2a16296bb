"""What pruning is worth in time: sliced models beside the whole one and beside masked ones, in turns, pair by pair.

Run it with ``python benchmarks/pruning.py``; ``--help`` shows the options. Each variant is an artifact as any user
makes it. A pair has the same number of threads, and the same token ids.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from peer_shapes import SHAPES, balanced, make_shape
from pruning_records import ENGINES, Results, ShapeResults
from pruning_tables import render

from leanglot.quiet import quiet_imports
from leanglot.results.environment import available_cores, read_environment

if TYPE_CHECKING:
    from pruning_measuring import Plan

RESULTS: Final = Path(__file__).parent / "results"


def main() -> None:
    """Measure, print, and with ``--write`` keep."""
    options = _options()
    with quiet_imports():
        import torch
        from pruning_measuring import FULL, QUICK, Plan

    effort = QUICK if options.quick else FULL
    engines = ENGINES if options.engine == "all" else (options.engine,)
    plan = Plan(engines, effort, options.threads or available_cores(), _teller(), options.attempts)
    torch.set_num_threads(plan.threads)  # else every call of PyTorch would change it and put it back
    started, shapes = time.monotonic(), []
    with ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="leanglot-pruning-")))
        for name in SHAPES if options.shape == "all" else (options.shape,):
            plan.tell(f"{name}: the model and its trimmed vocabulary")
            shapes.append(_measured(name, work / name, plan))
    results = Results(
        created_at=datetime.now(UTC),
        environment=read_environment(plan.threads),
        rounds=effort.rounds,
        calls=effort.calls,
        shapes=tuple(shapes),
        seconds=time.monotonic() - started,
    )
    sys.stdout.write(render(results))
    if options.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "pruning.md").write_text(render(results), encoding="utf-8")


def _measured(name: str, folder: Path, plan: "Plan") -> ShapeResults:
    """One shape on the demo's sentences; both shapes have its tokenizer."""
    from pruning_measuring import make_inputs, make_sources, measure_shape

    from leanglot.data.demo import demo_data
    from leanglot.data.pool import text_pool
    from leanglot.models.text_classifier import load_text_classifier

    folder.mkdir(parents=True, exist_ok=True)
    shape, data = make_shape(name, folder), demo_data()
    model = load_text_classifier(shape.folder)
    sources = make_sources(model, text_pool(data.train, "the demo"))
    work = make_inputs(model, balanced(data.test, plan.effort.per_language))
    return ShapeResults(name, shape.about, measure_shape(sources, work, folder, plan))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=(*SHAPES, "all"), default="all")
    parser.add_argument("--engine", choices=(*ENGINES, "all"), default="all")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and calls")
    parser.add_argument("--threads", type=int, help="of every variant; all physical cores without it")
    parser.add_argument("--attempts", type=int, default=3, help="times that a disturbed pair is timed at most")
    parser.add_argument("--write", action="store_true", help="keep the tables in benchmarks/results/pruning.md")
    parser.add_argument("--work", type=Path, help="a folder for the model that is built, used again next time")
    return parser.parse_args()


def _teller() -> Callable[[str], None]:
    """Says on the error stream what is being done, so that the output is the tables alone."""
    started = time.monotonic()
    return lambda words: print(f"[{time.monotonic() - started:5.0f} s] {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
