"""The overload benchmark as text: tables that read well in a terminal and in Markdown alike."""

from typing import Final

from overload_records import Ranks, Results, Stretch
from peer_tables import table
from serving_tables import goals_table

_NONE: Final = "–"
_MINUTES: Final = (
    "By when requests were due; latency in milliseconds from then to the answer's last byte (p50 / p95 / p99), so that "
    "waiting for a late client counts too. Memory is the largest of the readings, one per second."
)


def render(results: Results) -> str:
    """The whole run in Markdown."""
    parts = [
        "# Twice what it can do",
        _machine(results),
        *(f"**{warning}**" for warning in results.warnings),
        goals_table(results.goals),
        "## The load",
        _load(results),
        "## Minute by minute",
        table(
            ["from, s", "requests/s", "accepted/s", "refused/s", "texts/s", "accepted, ms", "refused, ms", "RSS, MB"],
            [*map(_line, results.minutes), ["**all**", *_line(results.whole)[1:]]],
        ),
        _MINUTES,
        *_oddities(results),
    ]
    return "\n\n".join(parts) + "\n"


def _machine(results: Results) -> str:
    machine = results.environment
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    return (
        f"{machine.cpu} ({', '.join(machine.isa)}), {machine.cores} cores for server and client together; ONNX Runtime "
        f"has {machine.threads} threads; {versions}; {results.created_at:%Y-%m-%d %H:%M} UTC. `{results.served}`"
    )


def _load(results: Results) -> str:
    load, answers, whole = results.load, results.answers, results.whole
    retry = ", ".join(f"{value} ({count:,} times)" for value, count in sorted(answers.retry_after.items())) or "none"
    share = f"{answers.labels / whole.texts:.2%}" if whole.texts else "none"
    lines = (
        f"Capacity, measured just before with clients that wait for their answers: {load.capacity:.0f} texts/s.",
        (
            f"Arrivals that wait for nobody, with exponential gaps, of 1 to 4 texts: {load.requests:.0f} requests/s, "
            f"{load.texts:.0f} texts/s, for {whole.seconds / 60:.1f} minutes."
        ),
        (
            f"The client opened {load.counts.get('connections', 0)} connections, sent p99 {load.late_ms:.1f} ms after "
            f"a request was due, and took {load.client_share:.1%} of the machine's processor time."
        ),
        f"Retry-After, in seconds: {retry}.",
        (
            f"{answers.labels:,} of {whole.texts:,} accepted texts ({share}) have another class than ONNX Runtime "
            "called bare gives to the same text alone; with dynamic INT8 an answer depends on its batch mates."
        ),
    )
    return "\n".join(f"- {line}" for line in lines)


def _line(part: Stretch) -> list[str]:
    rates = [f"{count / part.seconds:.0f}" for count in (part.arrived, part.accepted, part.refused, part.texts)]
    memory = _NONE if part.rss_bytes is None else f"{part.rss_bytes / 1e6:.0f}"
    return [f"{part.start_s:.0f}", *rates, _ranks(part.accepted_ms), _ranks(part.refused_ms), memory]


def _ranks(ranks: Ranks) -> str:
    return " / ".join(_NONE if value is None else f"{value:.0f}" if value >= 100 else f"{value:.1f}" for value in ranks)


def _oddities(results: Results) -> list[str]:
    if not results.answers.others:
        return []
    return ["Answers that are neither 200 nor 503:\n\n" + "\n".join(f"- `{one}`" for one in results.answers.others)]
