"""What the server costs and what it is worth: beside ONNX Runtime called bare, and beside a pipeline behind FastAPI.

Run it with ``python benchmarks/serving.py``; ``--help`` shows the options. All servers are up at the same time and take
turns: with one client each, then with many. The load comes from a process of its own, over HTTP.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from peer_shapes import balanced
from serving_measuring import FULL, QUICK, Effort, Stage, Texts, measure, right_answers
from serving_peers import Peer, Weights, make_peers
from serving_processes import FamilyWatch, Server, Worker
from serving_records import Results
from serving_summing import bare_rows, batched_rows, judge_goals, server_rows
from serving_tables import render

from leanglot.data.examples import Examples
from leanglot.quiet import quiet_imports
from leanglot.results.environment import available_cores, read_environment
from leanglot.results.manifest import Manifest, read_manifest
from leanglot.results.records import Environment

RESULTS: Final = Path(__file__).parent / "results"
_SEED: Final = 20261127
_SERVED_BY: Final = ("fastapi", "uvicorn", "uvloop", "httptools")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does.

    Attributes:
        model: A transformers model folder.
        artifacts: The same weights for ONNX Runtime, and quantized.
        examples: Labelled texts.
        effort: How much is measured.
        work: For what the processes print.
        tell: Told what is being done.
    """

    model: Path
    artifacts: Mapping[Weights, Path]
    examples: Examples
    effort: Effort
    work: Path
    tell: Callable[[str], None]


def main() -> None:
    """Measure, print, and with ``--write`` keep."""
    options = _options()
    effort, tell = QUICK if options.quick else FULL, teller()
    with quiet_imports():
        from leanglot.data.demo import demo_data
        from leanglot.demo import demo_model

    with work_folder(options.work, "serving") as work:
        given: dict[Weights, Path | None] = {"fp32": options.fp32, "int8": options.int8}
        artifacts = {weights: folder or make_demo_artifact(weights, work, tell) for weights, folder in given.items()}
        examples = balanced(demo_data().test, effort.per_language)
        results = run(Plan(demo_model(), artifacts, examples, effort, work, tell))
    text = render(results)
    sys.stdout.write(text)
    if options.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "serving.md").write_text(text, encoding="utf-8")


def run(plan: Plan) -> Results:
    """Start everything, measure, and end everything."""
    started = time.monotonic()
    manifests = {weights: read_manifest(folder) for weights, folder in plan.artifacts.items()}
    peers = make_peers(plan.model, plan.artifacts, available_cores())
    with ExitStack() as stack:
        stage = _enter(stack, plan, peers, manifests)
        plan.tell("what ONNX Runtime answers to each text")
        right = right_answers(stage)
        with FamilyWatch() as watch:
            measured = measure(stage)
        memory = {name: server.rss_bytes for name, server in stage.servers.items()}
    rows = server_rows(peers, measured, right, memory)
    languages = len(set(plan.examples.languages))
    return Results(
        created_at=datetime.now(UTC),
        environment=served_environment(manifests["fp32"]),
        about=f"{len(plan.examples)} sentences in {languages} languages, shuffled",
        rounds=plan.effort.rounds,
        clients=plan.effort.clients,
        servers=rows,
        bare=bare_rows(measured),
        batched=batched_rows(right),
        goals=judge_goals(rows),
        warnings=watch.warnings(),
        neighbours=watch.share,
        seconds=time.monotonic() - started,
    )


def _enter(stack: ExitStack, plan: Plan, peers: Sequence[Peer], manifests: Mapping[Weights, Manifest]) -> Stage:
    servers = {}
    for peer in peers:
        plan.tell(f"starting {peer.name}")
        servers[peer.name] = stack.enter_context(Server(peer.command, peer.health, plan.work / f"{peer.name}.log"))
    bare = {
        weights: stack.enter_context(bare_worker(plan.artifacts[weights], manifest, plan.work / f"bare-{weights}.log"))
        for weights, manifest in manifests.items()
    }
    load = stack.enter_context(Worker("serving_load.py", (), plan.work / "load.log"))
    texts = shuffled(plan.examples, manifests["fp32"].labels)
    return Stage(peers, servers, bare, load, texts, plan.effort, plan.tell)


def bare_worker(folder: Path, manifest: Manifest, log: Path) -> Worker:
    """ONNX Runtime called bare, with as many threads as leanglot takes."""
    arguments = (str(folder), str(_threads(manifest)), str(manifest.max_length))
    return Worker("serving_bare.py", arguments, log)


def shuffled(examples: Examples, labels: Sequence[str]) -> Texts:
    """The texts in an order that mixes languages and lengths."""
    order = random.Random(_SEED).sample(range(len(examples)), len(examples))
    columns = (examples.texts, examples.languages, examples.labels)
    texts, languages, gold = ([column[place] for place in order] for column in columns)
    return Texts(texts, languages, gold, labels)


def make_demo_artifact(weights: Weights, work: Path, tell: Callable[[str], None]) -> Path:
    """The demo's model for ONNX Runtime, made for this machine; one of an earlier run in the folder is used again."""
    from leanglot.artifacts import knowing_threads, make_artifact
    from leanglot.config import CandidateConfig
    from leanglot.demo import demo_model
    from leanglot.models.text_classifier import load_text_classifier
    from leanglot.quantizers import Making
    from leanglot.techniques import Int8

    folder = work / weights
    if (folder / "leanglot.json").is_file():
        return folder
    tell(f"making the {weights} artifact")
    folder.mkdir(parents=True, exist_ok=True)
    candidate = CandidateConfig(name=f"demo-{weights}", recipe=(Int8(embeddings=True),) if weights == "int8" else ())
    making = Making(isa=read_environment(available_cores()).isa)
    manifest = make_artifact(load_text_classifier(demo_model()), candidate, folder, making)
    knowing_threads(folder, manifest, available_cores())
    return folder


def served_environment(manifest: Manifest) -> Environment:
    """The machine, the threads of ONNX Runtime, and the versions of what serves."""
    environment = read_environment(_threads(manifest))
    return environment.model_copy(
        update={"versions": {**environment.versions, **{name: version(name) for name in _SERVED_BY}}}
    )


def _threads(manifest: Manifest) -> int:
    from leanglot.runtimes.loading import fitting_threads

    return fitting_threads(manifest)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and texts: no p99, a first impression")
    parser.add_argument("--fp32", type=Path, help="artifact of the demo's model for ONNX Runtime; else one is made")
    parser.add_argument("--int8", type=Path, help="the same, quantized")
    parser.add_argument("--write", action="store_true", help="keep the tables in benchmarks/results/serving.md")
    parser.add_argument("--work", type=Path, help="a folder for artifacts, used again next time; else a temporary one")
    return parser.parse_args()


@contextmanager
def work_folder(chosen: Path | None, name: str) -> Iterator[Path]:
    """The chosen folder, or a temporary one."""
    if chosen is not None:
        chosen.mkdir(parents=True, exist_ok=True)
        yield chosen
        return
    with tempfile.TemporaryDirectory(prefix=f"leanglot-{name}-") as folder:
        yield Path(folder)


def teller() -> Callable[[str], None]:
    """Says on the error stream what is being done, so that the output is the tables alone."""
    started = time.monotonic()
    return lambda words: print(f"[{time.monotonic() - started:5.0f} s] {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
