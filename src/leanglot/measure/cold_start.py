"""Cold start: the seconds and the memory that a fresh process needs from its start to its first answer."""

import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from leanglot.errors import ModelError
from leanglot.results.manifest import is_artifact
from leanglot.results.measures import ColdStart
from leanglot.results.router_manifest import is_router

_TIMEOUT_S = 600


def measure_cold_start(
    folder: Path,
    text: str,
    threads: int | None,
    *,
    repetitions: int = 3,
    allow_pickle: bool = False,
    pair: str | None = None,
) -> ColdStart:
    """Start processes one after the other that load the model, answer one text and report.

    Args:
        folder: An artifact, a router or a model folder.
        text: What is asked; of a router, of all its variants.
        threads: Threads the runtime gets; None takes what suits an artifact.
        repetitions: How many processes.
        allow_pickle: Whether a model folder's pickled weights may be read.
        pair: Language pair of the text, where the model translates.

    Raises:
        ModelError: A process failed, or took longer than ten minutes.
    """
    asked = {"folder": str(folder), "text": text, "threads": threads, "allow_pickle": allow_pickle, "pair": pair}
    request = json.dumps(asked)
    seconds, memory = [], []
    for _ in range(repetitions):
        command = [sys.executable, "-P", "-m", "leanglot.measure.cold_start"]  # -P: nothing from the user's folder
        try:
            done = subprocess.run(  # noqa: S603 - this interpreter runs this module
                command, input=request, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
            )
        except subprocess.TimeoutExpired as error:
            raise ModelError(f"A fresh process had not loaded {folder} after {_TIMEOUT_S} s.") from error
        if done.returncode != 0:
            raise ModelError(f"A fresh process could not load {folder}: {_last_words(done)[:400]}")
        answer = json.loads(done.stdout.splitlines()[-1])
        seconds.append(float(answer["seconds"]))
        memory.append(int(answer["peak_rss_bytes"]))
    return ColdStart(
        seconds=statistics.median(seconds),
        peak_rss_bytes=int(statistics.median(memory)),
        repetitions=repetitions,
    )


def _last_words(process: subprocess.CompletedProcess[str]) -> str:
    """The error at the end of a traceback, without the traceback."""
    lines = process.stderr.strip().splitlines() or [f"exit code {process.returncode}"]
    errors = [number for number, line in enumerate(lines) if re.match(r"[\w.]+(Error|Exception)\b", line)]
    return " ".join(lines[errors[-1] :]) if errors else lines[-1]


def peak_rss_bytes() -> int:
    """Largest resident memory of this process so far.

    Linux reports it for the program that runs now in ``/proc/self/status``; ``getrusage`` would also count what the
    parent used before it started this program.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _answer_once() -> None:
    """What the fresh process does."""
    request = json.loads(sys.stdin.read())
    folder = Path(request["folder"])
    if request["pair"] is not None:
        _translate_once(folder, request)
    elif is_router(folder):
        from leanglot.runtimes.router import load_router

        load_router(folder, request["threads"]).warm(request["text"])
    elif is_artifact(folder):
        from leanglot.runtimes.loading import load

        load(folder, request["threads"]).predict([request["text"]])
    else:
        from leanglot.measure.subject import open_subject

        subject = open_subject(folder, request["threads"], allow_pickle=request["allow_pickle"])
        subject.predict([request["text"]])
    seconds = time.time() - psutil.Process().create_time()
    sys.stdout.write(json.dumps({"seconds": seconds, "peak_rss_bytes": peak_rss_bytes()}) + "\n")


def _translate_once(folder: Path, request: Mapping[str, Any]) -> None:
    """An artifact is opened as whoever serves it would, without PyTorch where its engine is another."""
    if is_router(folder):
        from leanglot.runtimes.translation_router import load_translation_router

        load_translation_router(folder, request["threads"]).warm(request["text"], request["pair"])
        return
    if is_artifact(folder):
        from leanglot.runtimes.loading import load_translator

        translator = load_translator(folder, request["threads"])
    else:
        from leanglot.measure.translation_subject import open_translator

        translator = open_translator(folder, request["threads"], allow_pickle=request["allow_pickle"])
    translator.translate([request["text"]], pairs=[request["pair"]])


if __name__ == "__main__":
    _answer_once()
