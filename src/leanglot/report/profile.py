"""Terminal tables of a profile: operators, modules and parts with their shares of time and bytes, then what to try."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.padding import Padding
from rich.text import Text

from leanglot.charts.quantities import ABSENT, megabytes, milliseconds, percent, points, ratio
from leanglot.report.format import plain, plural
from leanglot.report.terminal_parts import WIDTH, plain_table
from leanglot.report.weights import PART_WORD
from leanglot.results.profile import EngineProfile, NextStep, Profile, ProfiledTexts, ProfileRow
from leanglot.techniques import Runtime

ENGINE_WORD: Final[dict[Runtime, str]] = {
    "pytorch": "PyTorch",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
}
_MOST_SINGLE: Final = 5
_TWO_SIDED_95: Final = 1.96


def profile_table(record: Profile, top: int) -> RenderableType:
    """All that a profile found.

    Args:
        record: The profile.
        top: Most rows of a table.
    """
    parts: list[RenderableType] = [
        Text(plain(f"Profile of {record.model}"), style="bold"),
        Text(texts_told(record.texts)),
    ]
    parts += [Text(plain(note), style="dim") for note in record.notes]
    for engine in record.engines:
        parts += [Text(), *_engine(engine, record.texts, top)]
    parts += [Text(), Text("What to try next, in this order", style="bold"), *_steps(record.next_steps)]
    return Constrain(Group(*parts), WIDTH)


def texts_told(texts: ProfiledTexts) -> str:
    """What was answered, in a sentence or two."""
    number, lengths = texts.batch * texts.calls, f"{texts.tokens_min} to {texts.tokens_max} tokens"
    if texts.source is None:
        what = f"{plural(number, 'text')} of {texts.tokens_max} random tokens"
    else:
        what = f"{plural(number, 'text')} of {plain(texts.source)} in {plural(len(texts.languages), 'language')}"
        what += f", {lengths}, {texts.tokens_p50:g} in the median"
    padding = f", {percent(texts.padding_share, 0)} of the tokens padding" if texts.batch > 1 else ""
    cut = f" {plural(texts.truncated, 'text')} cut at the longest input." if texts.truncated else ""
    calls = f"{plural(texts.calls, 'call')} of {plural(texts.batch, 'text')}{padding}"
    return f"{what}: {calls}; each made {texts.rounds} times, the fastest counts.{cut}"


def engine_title(engine: EngineProfile) -> str:
    """What ran on what."""
    steps = ", ".join(step.technique for step in engine.recipe) or "no compression"
    origin = {"model": "the model", "artifact": f"the artifact ({steps})", "plain export": "the model's plain export"}
    return f"{ENGINE_WORD[engine.engine]}, {origin[engine.origin]}, {plural(engine.threads, 'thread')}"


def _engine(engine: EngineProfile, texts: ProfiledTexts, top: int) -> list[RenderableType]:
    told = [f"Median call, at its fastest: {milliseconds(engine.unprofiled_p50_ms)}; {_profiled(engine)}."]
    if (error := _largest_error(engine)) is not None:
        told.append(
            f"Shares are of the profiled time, within ±{points(error, signed=False)} points (95%, {texts.calls} calls)."
        )
    else:
        told.append("Shares are of the profiled time; its counters are means over all calls.")
    if texts.tokenization_p50_ms is not None:
        told.append(f"Tokenization, on top: {milliseconds(texts.tokenization_p50_ms)} per call.")
    if engine.unplaced_bytes:
        told.append(f"No executed operator was found for {megabytes(engine.unplaced_bytes)} of the weights.")
    own = f", of which profiling may have added {percent(min(engine.outside_share, engine.overhead_share))}"
    outside = f"outside of all operators: {percent(engine.outside_share)} of the time{own}"
    graph = engine.hooked_p50_ms is None
    modules = "operators" if graph else "runs"
    parts: list[RenderableType] = [
        Text(engine_title(engine), style="bold"),
        *(Text(line) for line in told),
        *(Text(plain(warning), style="yellow") for warning in engine.warnings),
        Text(),
        _table("Operators", engine.operators, top, "runs"),
        Text(outside, style="dim"),
        Text(),
        _table("Modules, the same one of all layers together", engine.kinds, top, modules),
        Text(),
        _table("Slowest single modules", engine.modules, min(top, _MOST_SINGLE), modules),
        Text(),
        _table("Parts of the model", engine.parts, len(engine.parts), modules),
    ]
    if engine.adopted_share > 0:
        share = percent(engine.adopted_share)
        parts.append(Text(f"{share} of the time counts for the module before it, as the name tells none", style="dim"))
    return parts


def _profiled(engine: EngineProfile) -> str:
    """What profiling added."""
    hooked = "" if engine.hooked_p50_ms is None else f", {milliseconds(engine.hooked_p50_ms)} with its modules timed"
    return f"{milliseconds(engine.profiled_p50_ms)} while its operators were profiled{hooked}"


def _largest_error(engine: EngineProfile) -> float | None:
    errors = [row.share_error for row in (*engine.operators, *engine.parts) if row.share_error is not None]
    return _TWO_SIDED_95 * max(errors) if errors else None


def _table(title: str, rows: Sequence[ProfileRow], top: int, runs: str) -> RenderableType:
    table = plain_table(title)
    table.add_column("", ratio=1, overflow="fold")
    for heading in (runs, "time", "of time", "weights", "of bytes"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows[:top]:
        table.add_row(Text(plain(PART_WORD.get(row.name, row.name))), *_cells(row))
    if len(rest := rows[top:]) > 0:
        table.add_row(Text(f"{len(rest)} more", style="dim"), *map(_dim, _rest(rest)))
    return table


def _cells(row: ProfileRow) -> tuple[str, ...]:
    held = ABSENT if row.size_share is None else percent(row.size_share)
    size = "" if row.size_bytes == 0 else megabytes(row.size_bytes)
    return f"{row.runs:g}", milliseconds(row.time_ms), percent(row.share), size, held if size else ""


def _rest(rows: Sequence[ProfileRow]) -> tuple[str, ...]:
    shares = [row.size_share for row in rows if row.size_share is not None]
    size = sum(row.size_bytes for row in rows)
    return (
        f"{sum(row.runs for row in rows):g}",
        milliseconds(sum(row.time_ms for row in rows)),
        percent(sum(row.share for row in rows)),
        megabytes(size) if size else "",
        percent(sum(shares)) if size else "",
    )


def _dim(text: str) -> Text:
    return Text(text, style="dim")


def _steps(steps: Sequence[NextStep]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for number, (stage, group) in enumerate(groupby(steps, lambda step: step.stage), start=1):
        parts.append(Text(f"{number}. {stage}", style="bold"))
        for step in group:
            done = step.state == "done"
            sign = "\N{CHECK MARK} done" if done else "\N{RIGHTWARDS ARROW}"
            parts.append(
                Padding(Text(plain(f"{sign} {step.title}. {evidence_told(step)}"), "dim" if done else ""), (0, 0, 0, 2))
            )
            if step.command is not None:
                parts.append(Padding(Text(plain(step.command), style="cyan", overflow="fold"), (0, 0, 0, 4)))
    return parts


def evidence_told(step: NextStep) -> str:
    """The evidence, and what it means at most."""
    told = step.evidence
    if step.touches is not None:
        told += f" It touches {percent(step.touches, 0)} of the time"
        most = "" if step.most_speedup is None else f": at most {ratio(step.most_speedup)} as fast by Amdahl's law"
        told += f"{most}, not measured." if most else "."
    if step.touches_bytes is not None:
        told += f" It touches {megabytes(step.touches_bytes)} of weights."
    return told
