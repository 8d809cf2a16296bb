"""The serving benchmark as text: tables that read well in a terminal and in Markdown alike."""

from collections.abc import Sequence
from typing import Final

from peer_records import Goal, Spread
from peer_tables import table
from serving_records import Alone, Checked, Latencies, Results, Row

_NONE: Final = "–"


_ALONE: Final = (
    "Milliseconds from the request's first byte to the answer's last, one text per request, over HTTP on one "
    "keep-alive connection; in brackets those of the rounds. `added` is the p50 above that of ONNX Runtime called bare "
    "in a process of its own (tokenizer and session, FP32 or INT8 as served, the same threads and texts): median over "
    "the rounds (smallest to largest)."
)
_LOADED: Final = (
    "Each client is a keep-alive connection that sends its next text when it has its answer. × is the ratio, round by "
    "round: median (smallest–largest). `busy` is the server's share of the machine's processor time; `client` is what "
    "the load itself costs: processor time per answer, and its share of the machine."
)
_ANSWERS: Final = (
    "`other` counts answers with another class than ONNX Runtime called bare gives to the same text alone, with the "
    "same weights; `accuracy` is the share of right answers, `bare` that of bare's answers to the same texts."
)
_INT8: Final = (
    "Dynamic INT8 takes the range of each activation over the whole batch, so that an answer depends on its batch "
    "mates, without any server too:"
)


def render(results: Results) -> str:
    """The whole run in Markdown."""
    parts = [
        "# What the server costs, and what it is worth",
        _machine(results),
        *(f"**{warning}**" for warning in results.warnings),
        "## One client",
        _alone_table(results),
        _ALONE,
        f"## {results.clients} clients",
        _loaded_table(results),
        _LOADED,
        "## Answers",
        _answers_table(results.servers),
        _ANSWERS,
        _INT8,
        _batched(results),
        "## Goals",
        goals_table(results.goals),
        "## How each is used",
        "\n".join(f"- **{row.name}**: {row.how}." for row in results.servers),
    ]
    return "\n\n".join(parts) + "\n"


def _machine(results: Results) -> str:
    machine = results.environment
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    return (
        f"{machine.cpu} ({', '.join(machine.isa)}), {machine.cores} cores for servers and client together; ONNX "
        f"Runtime has {machine.threads} threads; {versions}. {results.about}. {results.rounds} rounds, in turns, all "
        f"servers up; other processes used {results.neighbours:.0%} of the processor; "
        f"{results.created_at:%Y-%m-%d %H:%M} UTC, {results.seconds / 60:.1f} minutes."
    )


def _alone_table(results: Results) -> str:
    header = ["", "p50, ms", "p95, ms", "added, ms", "session alone, p50", "samples"]
    body = [_alone_line(name, alone) for name, alone in results.bare.items()]
    body += [_alone_line(row.name, row.alone) for row in results.servers]
    return table(header, body)


def _alone_line(name: str, alone: Alone) -> list[str]:
    added = _NONE
    if alone.added is not None:
        added = f"{alone.added.median:+.2f} ({alone.added.low:+.2f} to {alone.added.high:+.2f})"
    session = _NONE if alone.session is None else _number(alone.session.value[50], ".2f")
    return [name, _rank(alone.latency, 50), _rank(alone.latency, 95), added, session, str(alone.latency.n)]


def _loaded_table(results: Results) -> str:
    pipelines = list(dict.fromkeys(name for row in results.servers for name in row.loaded.against))
    header = ["", "texts/s", *(f"× {name}" for name in pipelines), "p50, ms", "p95, ms", "p99, ms"]
    header += [*(f"p99 × {name}" for name in pipelines), "samples", "busy", "client", "RSS, MB"]
    body = []
    for row in results.servers:
        loaded = row.loaded
        body.append(
            [
                row.name,
                f"{loaded.rate:.0f}",
                *(_spread(loaded.against.get(name)) for name in pipelines),
                *(_number(loaded.latency.value[rank], ".0f") for rank in (50, 95, 99)),
                *(_spread(loaded.tail.get(name)) for name in pipelines),
                str(loaded.latency.n),
                f"{loaded.busy:.0%}",
                f"{loaded.client_us:.0f} µs, {loaded.client_share:.1%}",
                f"{row.rss_bytes / 1e6:.0f}",
            ]
        )
    return table(header, body)


def _answers_table(rows: Sequence[Row]) -> str:
    header = ["", "clients", "sent", "answered", "not 200", "identifiers repeated", "other", "accuracy", "bare"]
    body = []
    for row in rows:
        for words, checked in (("one", row.alone.checked), ("many", row.loaded.checked)):
            if checked is not None:
                body.append([row.name, words, *_checked(checked)])
    return table(header, body)


def _checked(checked: Checked) -> list[str]:
    counts = (checked.sent, checked.answered, checked.refused, checked.repeated, checked.other)
    return [*map(str, counts), _number(checked.accuracy, ".2%"), _number(checked.bare_accuracy, ".2%")]


def _batched(results: Results) -> str:
    lines = []
    for name, found in results.batched.items():
        widest = "" if found.widest is None else f", up to a margin of {found.widest:.2f} between the two best classes"
        share = f"{found.other} of {found.texts} answers ({found.other / found.texts:.1%}) differ from those alone"
        lines.append(f"- {name}, called bare in batches of {found.size}: {share}{widest}.")
    return "\n".join(lines)


def goals_table(goals: Sequence[Goal]) -> str:
    """How goals stand."""
    words = {True: "met", False: "MISSED", None: "not known"}
    return table(["goal", "", "figures"], [[goal.goal, words[goal.met], goal.detail] for goal in goals])


def _rank(found: Latencies, rank: int) -> str:
    spread = found.spread[rank]
    extremes = "" if spread is None else f" ({spread.low:.1f}–{spread.high:.1f})"
    return _number(found.value[rank], ".2f") + extremes


def _spread(spread: Spread | None) -> str:
    return _NONE if spread is None else f"{spread.median:.2f} ({spread.low:.2f}–{spread.high:.2f})"


def _number(value: float | None, form: str) -> str:
    return _NONE if value is None else f"{value:{form}}"
