"""What pruning or trimming did to a model, in two sentences."""

from leanglot.charts.quantities import ABSENT, megabytes, ratio
from leanglot.charts.steps import RUNTIME_NAME
from leanglot.report.format import plain, plural
from leanglot.results.measures import Effect


def effect_lines(effect: Effect) -> str:
    """Size and speed beside the model's, as measured.

    Args:
        effect: What was measured.
    """
    before, after = effect.before, effect.after
    compressed = " → ".join(
        ABSENT if each.compressed_bytes is None else megabytes(each.compressed_bytes) for each in (before, after)
    )
    speeds = ", ".join(f"{ratio(speedup)} at {length} tokens" for length, speedup in effect.speedup.items())
    first, second = (RUNTIME_NAME[engine] for engine in effect.engines)
    engines = "" if first == second else f" in {first}, itself in {second}"
    disturbed = "".join(f"\nNote: {plain(warning)}" for warning in effect.warnings)
    return (
        f"Size: {megabytes(before.size_bytes)} → {megabytes(after.size_bytes)}; weights under gzip: {compressed}.\n"
        f"Speed beside {plain(effect.model)}{engines}, in turns on random tokens, "
        f"{plural(effect.threads, 'thread')}: {speeds}."
        f"{disturbed}"
    )
