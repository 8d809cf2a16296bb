"""Evaluating in token-budget batches against one text at a time: both interleaved, on the demo model and sentences.

Run it with ``python benchmarks/batching.py``. It prints texts per second of both ways and their ratio, round by round.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from leanglot.config import DataConfig
from leanglot.data.demo import demo_data
from leanglot.demo import demo_model, write_demo_data
from leanglot.exam import Effort, prepare_exam
from leanglot.measure.neighbours import NeighbourWatch
from leanglot.measure.subject import open_subject
from leanglot.results.environment import available_cores, read_environment


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    threads = available_cores()
    classifier = open_subject(demo_model(), threads)
    with tempfile.TemporaryDirectory() as folder:
        data = DataConfig(path=write_demo_data(demo_data().test, Path(folder) / "test.jsonl"))
        exam = prepare_exam(data, classifier.manifest.labels, Effort(batch_texts=options.texts))
    rows = classifier.encode(exam.texts(exam.batch_positions)).rows

    def batched() -> None:
        classifier.logits(rows)

    def one_by_one() -> None:
        for row in rows:
            classifier.logits([row])

    environment = read_environment(threads)
    print(f"{environment.cpu}, {threads} threads, {len(rows)} texts of 24 languages, PyTorch FP32")
    batched()
    with NeighbourWatch() as watch:
        rates = [(_rate(batched, len(rows)), _rate(one_by_one, len(rows))) for _ in range(options.rounds)]
    for number, (fast, slow) in enumerate(rates, start=1):
        print(f"round {number}: batches {fast:7.0f} texts/s, one by one {slow:7.0f} texts/s, ratio {fast / slow:5.2f}")
    print(f"median ratio: {statistics.median(fast / slow for fast, slow in rates):.2f}")
    for warning in watch.warnings():
        print(warning)


def _rate(run: Callable[[], None], texts: int) -> float:
    started = time.perf_counter()
    run()
    return texts / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
