"""Terminal tables for the single steps: an evaluation, a benchmark, an artifact that was written."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.text import Text

from leanglot.charts.quantities import ABSENT, count, megabytes, milliseconds, percent, points, ratio
from leanglot.languages import split_pair
from leanglot.report.format import language, more_examples, plain, plural
from leanglot.report.shaping import pruning_lines
from leanglot.report.terminal_parts import WIDTH, plain_table, signed_verdict
from leanglot.report.vocabulary import vocabulary_lines
from leanglot.report.weights import PART_WORD, PARTS, held_by
from leanglot.results.manifest import Manifest
from leanglot.results.measures import ColdStart, LanguageQuality, Quality, Speed, Weight
from leanglot.results.records import Verdict
from leanglot.results.translation import TranslationFacts


def evaluation_table(
    quality: Quality, verdicts: Mapping[str, Verdict] | None, remarks: Sequence[str]
) -> RenderableType:
    """Quality by language, with the verdicts where there are any.

    Args:
        quality: Overall and by language.
        verdicts: By language; None when nothing was compared.
        remarks: What to know besides, one sentence each.
    """
    table = plain_table("Quality by language")
    table.add_column("language", ratio=1, overflow="fold")
    judged = () if verdicts is None else ("drop", "at most", "verdict", "to settle it")
    for heading in ("n", "accuracy, 95%", "macro F1", *judged):
        table.add_column(heading, justify="left" if heading == "verdict" else "right", no_wrap=True)
    for tag, own in quality.languages.items():
        cells = [Text(language(tag)), Text(count(own.n)), Text(_accuracy(own)), Text(percent(own.macro_f1))]
        table.add_row(*cells, *(() if verdicts is None else _verdict_cells(verdicts[tag])))
    overall = (
        f"Accuracy {percent(quality.accuracy)}, mean over languages {percent(quality.macro_accuracy)}, macro F1 "
        f"{percent(quality.macro_f1)}, precision {percent(quality.precision)}, recall {percent(quality.recall)}."
    )
    told = [Text(plain(remark), style="dim") for remark in remarks]
    return Constrain(Group(table, Text(), Text(overall, style="bold"), *told), WIDTH)


def _accuracy(own: LanguageQuality) -> str:
    low, high = percent(own.accuracy_low).removesuffix("%"), percent(own.accuracy_high).removesuffix("%")
    return f"{percent(own.accuracy)} ({low}–{high})"


def _verdict_cells(verdict: Verdict) -> list[Text]:
    needed = more_examples(verdict).removeprefix("about ")
    return [Text(points(verdict.drop)), Text(points(verdict.drop_bound)), signed_verdict(verdict.verdict), Text(needed)]


def benchmark_table(speed: Speed, cold: ColdStart, weight: Weight) -> RenderableType:
    """Speed, memory and size."""
    latency = speed.latency_ms
    rows = {
        "size": megabytes(weight.size_bytes),
        **({} if weight.compressed_bytes is None else {"weights after gzip": megabytes(weight.compressed_bytes)}),
        **_weight_rows(weight),
        "sparsity of linear layers": percent(weight.sparsity),
        "latency mean ± std": f"{milliseconds(latency.mean)} ± {milliseconds(latency.std)}",
        "latency p50": milliseconds(latency.p50),
        "latency p95": _or_why(latency.p95, latency.missing.get("p95")),
        "latency p99": _or_why(latency.p99, latency.missing.get("p99")),
        "tokenization p50, on top": milliseconds(speed.tokenization_p50_ms),
        "throughput in batches": f"{speed.throughput_per_s:,.0f} texts/s",
        "cold start": f"{cold.seconds:.2f} s",
        "peak memory": megabytes(cold.peak_rss_bytes),
    }
    if speed.speedup is not None and speed.throughput_gain is not None:
        rows |= {"speed-up, p50": ratio(speed.speedup), "throughput gain": ratio(speed.throughput_gain)}
    measures, languages = plain_table("Measured"), plain_table("Latency p50 by language")
    for table in (measures, languages):
        table.show_header = False
        table.add_column(ratio=1)
        table.add_column(ratio=1)
    for name, value in rows.items():
        measures.add_row(name, Text(value))
    for tag, p50 in speed.languages_p50_ms.items():
        languages.add_row(language(tag), _or_why(p50, "under 5 calls"))
    told = [Text(warning, style="yellow") for warning in speed.warnings]
    return Constrain(Group(measures, Text(), languages, *told), 80)


def _weight_rows(weight: Weight) -> dict[str, str]:
    """The size ledger, a row per part that holds anything."""
    held = {part: held_by(weight.ledger, part) for part in PARTS}
    return {f"weights, {PART_WORD[part]}, MB": each.full for part, each in held.items() if each.size_bytes}


def artifact_summary(manifest: Manifest, folder: Path) -> str:
    """What was written, what was noticed on the way, and how to use it."""
    size = sum((folder / name).stat().st_size for name in manifest.files)
    steps = ", ".join(step.technique for step in manifest.recipe) or "no compression"
    lines = [f"Wrote {folder}: {megabytes(size)} for {manifest.runtime} ({steps})."]
    if manifest.target_isa:
        lines.append(f"Made for: {', '.join(manifest.target_isa)}.")
    if manifest.calibration:
        texts, languages = sum(manifest.calibration.values()), len(manifest.calibration)
        lines.append(f"Calibrated on {plural(texts, 'text')} in {plural(languages, 'language')}.")
    lines += pruning_lines(manifest.pruning)
    if manifest.vocabulary is not None:
        lines += map(plain, vocabulary_lines(manifest.vocabulary))
    if manifest.threads is not None:
        medians = ", ".join(f"{number}: {milliseconds(p50)}" for number, p50 in manifest.threads_p50_ms.items())
        lines.append(f"Threads: {manifest.threads}{f' (median by number: {medians})' if medians else ''}.")
    lines += [f"Note: {plain(note)}" for note in manifest.notes]
    if manifest.translation is not None:
        return "\n".join([*lines, f'Use it: leanglot translate {folder} "…" --to {_some_target(manifest.translation)}'])
    return "\n".join([*lines, f'Use it: leanglot.load("{folder}").predict(["…"])'])


def _some_target(facts: TranslationFacts) -> str:
    """A language that a model translates into."""
    both = split_pair(facts.pairs[0]) if facts.pairs else None
    return next((tag for tag in sorted(facts.codes) if tag != "en"), "LANGUAGE") if both is None else both[1]


def _or_why(value: float | None, why: str | None) -> str:
    return f"{ABSENT}: {why}" if value is None else milliseconds(value)
