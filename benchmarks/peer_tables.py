"""The ledger of peers as text: tables that read well in a terminal and in Markdown alike."""

from collections.abc import Callable, Sequence

from peer_engines import OURS, REFERENCE
from peer_records import Agreement, Goal, Ledger, Pace, Row, ShapeLedger

_NONE = "–"


def render(ledger: Ledger) -> str:
    """The whole ledger in Markdown."""
    parts = [
        "# Ledger of peers",
        _machine(ledger),
        *(render_shape(shape) for shape in ledger.shapes),
        "## How each engine is used",
        _uses(ledger),
    ]
    return "\n\n".join(parts) + "\n"


def _machine(ledger: Ledger) -> str:
    machine = ledger.environment
    return (
        f"{machine.cpu} ({', '.join(machine.isa)}), at most {machine.threads} threads for each engine; "
        f"{ledger.rounds} rounds of {ledger.calls} calls per length, in turns; {ledger.created_at:%Y-%m-%d %H:%M} UTC."
    )


def render_shape(shape: ShapeLedger) -> str:
    """Tables and goals of one shape."""
    note = "" if shape.trained else " The weights are random: its errors rank dangers, they predict no accuracy."
    parts = [
        f"## {shape.shape}",
        f"{shape.about}.{note} Other processes used {shape.neighbours:.0%} of the processor meanwhile.",
        *(f"**{warning}**" for warning in shape.warnings),
        _speed_table(shape.rows),
        f"Medians: milliseconds at batch size 1, texts per second on mixed lengths; × is speed against {REFERENCE}.",
        _lead_table(shape.rows),
        "How many times as fast leanglot's candidate is: median over the rounds (smallest–largest).",
        _weight_table(shape.rows),
        f"MB are 10⁶ bytes; errors are those of the logits against {REFERENCE}.",
        *_failures(shape.rows),
        _goals(shape.goals),
    ]
    return "\n\n".join(parts)


def _speed_table(rows: Sequence[Row]) -> str:
    lengths = _lengths(rows)
    header = ["engine", "threads", *(f"length {length}" for length in lengths), "texts/s"]
    body = [
        [
            row.engine,
            _threads(row),
            *(_pace(row.latency.get(length), ".1f") for length in lengths),
            _pace(row.throughput, ".1f"),
        ]
        for row in rows
    ]
    return table(header, body)


def _lead_table(rows: Sequence[Row]) -> str:
    lengths = _lengths(rows)
    header = ["leanglot against", *(f"length {length}" for length in lengths), "mixed batch"]
    body = [
        [row.engine, *(_lead(row.latency.get(length)) for length in lengths), _lead(row.throughput)]
        for row in rows
        if row.engine != OURS
    ]
    return table(header, body)


def _weight_table(rows: Sequence[Row]) -> str:
    header = ["engine", "on disk, MB", "without tokenizer", "peak RSS, MB", "cold start, s", "made in, s"]
    header += ["relative error", "cosine", "same answers", "right answers"]
    body = []
    for row in rows:
        bare = None if row.size_bytes is None else row.size_bytes - (row.tokenizer_bytes or 0)
        body.append(
            [
                row.engine,
                _megabytes(row.size_bytes),
                _megabytes(bare),
                _megabytes(row.peak_rss_bytes),
                _number(row.cold_start_s, ".1f"),
                _number(row.making_s, ".0f"),
                *_agreement(row.agreement),
            ]
        )
    return table(header, body)


def _agreement(found: Agreement | None) -> list[str]:
    if found is None:
        return [_NONE] * 4

    def share(count: int | None) -> str:
        return _NONE if count is None else f"{count}/{found.texts}"

    counts = (share(found.same_answers), share(found.right_answers))
    return [f"{found.relative_error:.4f}", f"{found.cosine:.5f}", *counts]


def _failures(rows: Sequence[Row]) -> list[str]:
    failed = [f"- {row.engine}: {row.reason}" for row in rows if row.reason is not None]
    return ["Without figures, or without all of them:\n\n" + "\n".join(failed)] if failed else []


def _goals(goals: Sequence[Goal]) -> str:
    words = {True: "met", False: "MISSED", None: "not known"}
    return table(["goal", "", "figures"], [[goal.goal, words[goal.met], goal.detail] for goal in goals])


def _uses(ledger: Ledger) -> str:
    rows = {row.engine: row for shape in ledger.shapes for row in shape.rows}
    told = [(row, ", ".join(f"{name} {number}" for name, number in row.versions.items())) for row in rows.values()]
    return "\n".join(f"- **{row.engine}**: {row.how} ({versions})." for row, versions in told)


def _lengths(rows: Sequence[Row]) -> list[int]:
    return sorted({length for row in rows for length in row.latency})


def _threads(row: Row) -> str:
    if row.threads is None:
        return "see below" if row.reason else _NONE
    others = ", ".join(f"{count}: {value:.1f}" for count, value in row.threads_ms.items())
    return f"{row.threads} ({others} ms)"


def _pace(pace: Pace | None, form: str) -> str:
    return _NONE if pace is None else f"{pace.value:{form}} ({pace.against_reference.median:.2f}×)"


def _lead(pace: Pace | None) -> str:
    return _NONE if pace is None else f"{pace.lead.median:.2f} ({pace.lead.low:.2f}–{pace.lead.high:.2f})"


def _megabytes(count: int | None) -> str:
    return _number(None if count is None else count / 1e6, ".0f")


def _number(value: float | None, form: str) -> str:
    return _NONE if value is None else f"{value:{form}}"


def table(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns line up, the first one to the left."""
    columns = list(zip(header, *body, strict=True))
    widths = [max(3, *(len(cell) for cell in column)) for column in columns]
    texts = {number for number, column in enumerate(columns) if number == 0 or any(" " in cell[40:] for cell in column)}

    def line(cells: Sequence[str]) -> str:
        sides: list[Callable[[str, int], str]] = [str.ljust if n in texts else str.rjust for n in range(len(cells))]
        return "| " + " | ".join(side(cell, w) for side, cell, w in zip(sides, cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (w + 1) + ("-" if n in texts else ":") for n, w in enumerate(widths)) + "|"
    return "\n".join([line(header), rule, *(line(cells) for cells in body)])
