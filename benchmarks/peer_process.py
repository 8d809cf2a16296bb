"""Fresh processes of the ledger: one makes what an engine would deploy, one loads it and answers a single text."""

import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from peer_engines import Engine

_TIMEOUT_S: Final = 900


class PeerError(Exception):
    """A peer could not be made or could not answer; says why."""


def prepare_apart(engine: Engine, source: Path, folder: Path, calibration: Path) -> float:
    """Make an engine's folder in a process of its own; returns the seconds it took.

    Raises:
        PeerError: It failed.
    """
    started = time.perf_counter()
    _run("prepare", engine=asdict(engine), source=str(source), folder=str(folder), calibration=str(calibration))
    return time.perf_counter() - started


def answer_apart(engine: Engine, folder: Path, threads: int, text: str) -> tuple[float, int]:
    """Load and answer one text in a fresh process.

    Returns:
        Seconds from the process's start to the answer, and its peak resident memory in bytes.

    Raises:
        PeerError: It failed.
    """
    answer = _run("answer", engine=asdict(engine), folder=str(folder), threads=threads, text=text)
    return float(answer["seconds"]), int(answer["peak_rss_bytes"])


def _run(task: str, **request: object) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).resolve()), task]
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter runs this file
            command, input=json.dumps(request), capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"not done after {_TIMEOUT_S} s") from error
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        words = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise PeerError(f"exit code {done.returncode}: {words[:300]}")
    answer: dict[str, Any] = json.loads(lines[-1])
    if "failed" in answer:
        raise PeerError(str(answer["failed"]))
    return answer


def _prepare(request: dict[str, Any]) -> dict[str, Any]:
    import shutil

    source, folder = Path(request["source"]), Path(request["folder"])
    Engine(**request["engine"]).prepare(source, folder, Path(request["calibration"]))
    if not (folder / "tokenizer.json").exists():  # whatever is deployed needs one, so that all sizes include it
        shutil.copyfile(source / "tokenizer.json", folder / "tokenizer.json")
    return {}


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    import numpy as np
    from tokenizers import Tokenizer

    folder = Path(request["folder"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    predictor = Engine(**request["engine"]).open_predictor(folder, request["threads"])
    tokenizer.no_padding()
    ids = np.asarray([tokenizer.encode(request["text"]).ids], dtype=np.int64)
    label = int(predictor.logits(ids, np.ones_like(ids)).argmax())
    ended, peak = time.time(), _peak_rss_bytes()
    import psutil

    return {"label": label, "seconds": ended - psutil.Process().create_time(), "peak_rss_bytes": peak}


def _peak_rss_bytes() -> int:
    """As `leanglot.measure.cold_start` reads it, whose import would weigh on engines that need none of leanglot."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        from leanglot.measure.cold_start import peak_rss_bytes

        return peak_rss_bytes()


def _serve(task: str) -> None:
    request = json.loads(sys.stdin.read())
    try:
        answer = _prepare(request) if task == "prepare" else _answer(request)
    except Exception as error:  # noqa: BLE001 - whatever an engine raises becomes the reason in its row
        answer = {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


if __name__ == "__main__" and len(sys.argv) == 2:
    _serve(sys.argv[1])
