"""What the translation benchmark finds out, and its tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

import numpy as np

from leanglot.results.records import Environment

_SAMPLES_P95: Final = 130  # fewer tell nothing of a 95th percentile


@dataclass(slots=True)
class Row:
    """One engine's results; what was not measured is None, with its reason.

    Attributes:
        engine: Name of the engine.
        size_bytes: The whole folder, tokenizer included.
        threads: By size of the batch, the number that is fastest, of those tried.
        peak_rss: Resident bytes of fresh processes, by batch.
        one: Milliseconds of each timed sentence alone, by round.
        batch: Milliseconds of each timed batch, by round.
        agrees: Share of sources that it translates exactly as the reference; None where lengths are forced by
            random weights, which tell nothing.
        reason: Why it was not measured.
    """

    engine: str
    size_bytes: int | None = None
    threads: dict[int, int] = field(default_factory=dict)
    peak_rss: dict[int, int] = field(default_factory=dict)
    one: dict[int, float] = field(default_factory=dict)
    batch: dict[int, float] = field(default_factory=dict)
    agrees: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One model's table."""

    title: str
    about: str
    rows: Sequence[Row]
    batch: int
    warnings: Sequence[str]


def ratio(row: dict[int, float], reference: dict[int, float]) -> str:
    """How many times as fast, from the rounds that both took part in: median, smallest and largest."""
    found = [reference[turn] / row[turn] for turn in sorted(row.keys() & reference.keys())]
    return f"{median(found):.1f}× ({min(found):.1f}–{max(found):.1f})" if found else "–"


def render(parts: Sequence[Part], environment: Environment, created: str, seconds: float) -> str:
    """The whole page."""
    machine = f"{environment.cpu} ({', '.join(environment.isa)}), {environment.cores} cores"
    versions = ", ".join(f"{name} {environment.versions[name]}" for name in _PACKAGES if name in environment.versions)
    lines = [
        "# What translation costs on each engine",
        "",
        f"{machine}; {created}, {seconds / 60:.0f} minutes. {versions}.",
        "",
        _READING,
        "",
    ]
    for part in parts:
        lines += [f"## {part.title}", "", part.about, "", *_table(part), ""]
        lines += [f"- {warning}" for warning in part.warnings]
        lines += [f"- {row.engine}: not measured: {row.reason}" for row in part.rows if row.reason is not None]
    return "\n".join(lines).rstrip() + "\n"


_READING: Final = (
    "Greedy search. `transformers` is its `generate` with PyTorch in FP32. × is the speed against it in the same "
    "round: the median, the smallest and the largest. Tokenization is outside. MB are 10⁶ bytes: on disk the whole "
    "folder, in memory the peak of a fresh process that loads it and translates one source, then of one that "
    "translates a batch. Of the numbers of threads tried, each engine has the fastest with one sentence, and the "
    "fastest with the batch."
)
_PACKAGES: Final = ("torch", "transformers", "onnxruntime", "openvino", "ctranslate2")


def _table(part: Part) -> list[str]:
    reference = part.rows[0]
    both, many = f"1 / {part.batch}", f"{part.batch} at once"
    head = ["engine", f"threads, {both}", "MB", f"peak MB, {both}", "p50, ms", "p95, ms", "sentences/s", "×, one",
            f"sentences/s, {many}", f"×, {many}", "same output"]  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    measured = [row for row in part.rows if row.reason is None]
    return [*lines, *("| " + " | ".join(_cells(row, reference, part.batch)) + " |" for row in measured)]


def _cells(row: Row, reference: Row, batch: int) -> list[str]:
    one, many = [*row.one.values()], [*row.batch.values()]
    p95 = f"{np.percentile(one, 95):.0f}" if len(one) >= _SAMPLES_P95 else f"– ({len(one)} sentences)"
    return [
        row.engine,
        " / ".join(map(str, row.threads.values())) or "–",
        "–" if row.size_bytes is None else f"{row.size_bytes / 1e6:.1f}",
        " / ".join(f"{found / 1e6:.0f}" for found in row.peak_rss.values()) or "–",
        f"{median(one):.0f}" if one else "–",
        p95,
        f"{1e3 / median(one):.1f}" if one else "–",
        ratio(row.one, reference.one),
        f"{batch * 1e3 / median(many):.1f}" if many else "–",
        ratio(row.batch, reference.batch),
        "–" if row.agrees is None else f"{row.agrees:.0%}",
    ]
