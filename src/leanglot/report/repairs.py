"""What a repair found as sentences, for all reports."""

from leanglot.charts.quantities import megabytes, ratio
from leanglot.results.repairs import Repair


def sentences(repair: Repair) -> tuple[str, ...]:
    """What was found, what it cost, and what to know of the evidence."""
    cost = []
    if repair.size_bytes_before is not None or repair.size_bytes_after is not None:
        before, after = megabytes(repair.size_bytes_before), megabytes(repair.size_bytes_after)
        cost.append(f"Size {before} before, {after} after.")
    if repair.speedup_before is not None or repair.speedup_after is not None:
        cost.append(f"Speed-up {ratio(repair.speedup_before)} before, {ratio(repair.speedup_after)} after.")
    if repair.layers and not cost:
        cost.append("What it cost in size and speed was not measured.")
    return (repair.reason, *cost, *repair.notes)
