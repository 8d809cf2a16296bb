"""Terminal tables for the single steps: an evaluation, a benchmark, an artifact that was written."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from leanglot.languages import display_name
from leanglot.results.manifest import Manifest
from leanglot.results.measures import ColdStart, Quality, Speed, Weight
from leanglot.results.records import Verdict


def evaluation_table(quality: Quality, verdicts: Mapping[str, Verdict] | None, notes: Sequence[str]) -> RenderableType:
    """Quality by language, with the verdicts where there are any, and what to know about the data."""
    judged = ("drop", "verdict", "further examples") if verdicts else ()
    table = Table("language", "examples", "accuracy", "95% interval", "macro-F1", *judged)
    for tag, own in quality.languages.items():
        cells = [f"{display_name(tag)} ({tag})", f"{own.n:,}", f"{own.accuracy:.1%}"]
        cells += [f"{own.accuracy_low:.1%} – {own.accuracy_high:.1%}", f"{own.macro_f1:.3f}"]
        table.add_row(*cells, *(_verdict_cells(verdicts[tag]) if verdicts else ()))
    mean = f"Accuracy {quality.accuracy:.1%}, mean over languages {quality.macro_accuracy:.1%}, "
    mean += f"macro-F1 {quality.macro_f1:.3f}, precision {quality.precision:.3f}, recall {quality.recall:.3f}."
    return Group(table, Text(mean), *(Text(note, style="dim") for note in notes))


def _verdict_cells(verdict: Verdict) -> tuple[str, str, str]:
    drop = "n/a" if verdict.drop is None else f"{100 * verdict.drop:+.1f}"
    needed = "n/a" if verdict.samples_needed is None else f"{verdict.samples_needed:,}"
    return drop, verdict.verdict, needed


def benchmark_table(speed: Speed, cold: ColdStart, weight: Weight) -> RenderableType:
    """Speed, memory and size."""
    latency = speed.latency_ms
    rows = {
        "size": f"{weight.size_bytes / 1e6:,.1f} MB",
        "sparsity of linear layers": "n/a" if weight.sparsity is None else f"{weight.sparsity:.1%}",
        "latency mean ± std": f"{_number(latency.mean)} ± {_number(latency.std)} ms",
        "latency p50": f"{_number(latency.p50)} ms",
        "latency p95": _or_why(latency.p95, latency.missing.get("p95")),
        "latency p99": _or_why(latency.p99, latency.missing.get("p99")),
        "tokenization p50, on top": f"{speed.tokenization_p50_ms:.2f} ms",
        "throughput in batches": f"{speed.throughput_per_s:,.0f} texts/s",
        "cold start": f"{cold.seconds:.2f} s",
        "peak memory": f"{cold.peak_rss_bytes / 1e6:,.0f} MB",
    }
    if speed.speedup is not None and speed.throughput_gain is not None:
        rows["speed-up, p50"] = f"{speed.speedup:.2f}×"
        rows["throughput gain"] = f"{speed.throughput_gain:.2f}×"
    table = Table("measure", "value")
    for name, value in rows.items():
        table.add_row(name, value)
    languages = Table("language", "latency p50")
    for tag, p50 in speed.languages_p50_ms.items():
        languages.add_row(f"{display_name(tag)} ({tag})", "n/a: under 5 calls" if p50 is None else f"{p50:.2f} ms")
    return Group(table, languages, *(Text(warning, style="yellow") for warning in speed.warnings))


def artifact_summary(manifest: Manifest, folder: Path) -> RenderableType:
    """What was written and how to use it."""
    size = sum((folder / name).stat().st_size for name in manifest.files)
    steps = ", ".join(step.technique for step in manifest.recipe) or "no compression"
    return Text(
        f"Wrote {folder}: {size / 1e6:,.1f} MB for {manifest.runtime} ({steps}).\n"
        f'Use it: leanglot.load("{folder}").predict(["…"])'
    )


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.2f}"


def _or_why(value: float | None, why: str | None) -> str:
    return f"{value:.2f} ms" if value is not None else f"n/a: {why}"
