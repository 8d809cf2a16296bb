"""Where the bytes of each candidate's weights are, and how many threads it runs with, as tables of text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, get_args

from leanglot.charts.quantities import ABSENT, milliseconds
from leanglot.report.format import plain
from leanglot.results.records import Candidate, LedgerRow, RunReport

PARTS: Final[tuple[str, ...]] = get_args(LedgerRow.model_fields["part"].annotation)
PART_WORD: Final[Mapping[str, str]] = {part: "feed-forward" if part == "ffn" else part for part in PARTS}
_TYPE_WORD: Final[Mapping[str, str]] = {"float32": "FP32", "float16": "FP16", "bfloat16": "BF16"}
_SHOWN_BYTES: Final = 50_000  # less rounds to 0.0 MB
_WORTH_NAMING: Final = 0.05


@dataclass(frozen=True)
class Held:
    """What one part of a model's weights takes.

    Attributes:
        by_type: Bytes by type of number, the largest first.
    """

    by_type: tuple[tuple[str, int], ...]

    @property
    def size_bytes(self) -> int:
        """All bytes of the part."""
        return sum(size for _, size in self.by_type)

    @property
    def short(self) -> str:
        """All megabytes and the types that hold 5% of them or more, such as ``21.3 INT8+FP32``."""
        types = [name for name, size in self.by_type if size >= _WORTH_NAMING * self.size_bytes]
        return f"{_megabytes(self.size_bytes)} {'+'.join(types)}".rstrip()

    @property
    def full(self) -> str:
        """Megabytes of each type, such as ``96.0 INT8 + 1.0 FP32``."""
        shown = [(name, size) for name, size in self.by_type if size >= _SHOWN_BYTES] or self.by_type[:1]
        return " + ".join(f"{_megabytes(size)} {name}" for name, size in shown) or _megabytes(0)


@dataclass(frozen=True)
class WeightRow:
    """One candidate of the ledger.

    Attributes:
        candidate: The candidate.
        parts: What each part of its weights takes; empty where that was not measured.
    """

    candidate: Candidate
    parts: Mapping[str, Held]

    @property
    def total(self) -> str:
        """All megabytes of its weights."""
        return _megabytes(sum(held.size_bytes for held in self.parts.values())) if self.parts else ABSENT


@dataclass(frozen=True)
class WeightTable:
    """The size ledger of all candidates that did not fail.

    Attributes:
        parts: The parts that hold anything worth a column in any candidate.
        rows: One per candidate.
    """

    parts: tuple[str, ...]
    rows: tuple[WeightRow, ...]


@dataclass(frozen=True)
class ThreadRow:
    """One candidate's threads.

    Attributes:
        candidate: The candidate.
        medians: Median latency by number of threads as text; a number that was not tried says so.
    """

    candidate: Candidate
    medians: Mapping[int, str]

    def is_used(self, number: int) -> bool:
        """Whether it was tried with this number of threads and runs with it."""
        return number == self.candidate.threads and number in self.candidate.threads_p50_ms

    @property
    def used(self) -> str:
        """The number of threads that it runs with."""
        return ABSENT if self.candidate.threads is None else f"{self.candidate.threads}"


@dataclass(frozen=True)
class ThreadTable:
    """How many threads each candidate runs with, and what the search for them found.

    Attributes:
        counts: The numbers of threads that were tried with any candidate.
        rows: One per candidate that did not fail.
    """

    counts: tuple[int, ...]
    rows: tuple[ThreadRow, ...]


def weight_table(report: RunReport) -> WeightTable | None:
    """The size ledger; None where the run has none."""
    rows = tuple(WeightRow(each, _parts(each)) for each in _measured(report))
    shown = tuple(
        part for part in PARTS if any(row.parts and row.parts[part].size_bytes >= _SHOWN_BYTES for row in rows)
    )
    return WeightTable(shown, rows) if any(row.parts for row in rows) else None


def thread_table(report: RunReport) -> ThreadTable | None:
    """The search for the number of threads; None where no candidate was searched."""
    candidates = _measured(report)
    counts = sorted({count for each in candidates for count in each.threads_p50_ms})
    rows = [
        ThreadRow(each, {count: milliseconds(each.threads_p50_ms.get(count)) for count in counts})
        for each in candidates
    ]
    return ThreadTable(tuple(counts), tuple(rows)) if counts else None


def type_word(dtype: str) -> str:
    """A type of number as the field writes it, such as ``FP32`` or ``INT8``."""
    return _TYPE_WORD.get(dtype, plain(dtype).upper())


def held_by(ledger: tuple[LedgerRow, ...], part: str) -> Held:
    """What one part takes in a ledger."""
    sizes = sorted(((type_word(row.dtype), row.size_bytes) for row in ledger if row.part == part), key=_largest_first)
    return Held(tuple(sizes))


def _parts(candidate: Candidate) -> dict[str, Held]:
    return {part: held_by(candidate.ledger, part) for part in PARTS} if candidate.ledger else {}


def _measured(report: RunReport) -> list[Candidate]:
    return [candidate for candidate in report.candidates if candidate.status != "failed"]


def _largest_first(pair: tuple[str, int]) -> tuple[int, str]:
    return -pair[1], pair[0]


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f}"
