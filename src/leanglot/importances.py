"""Draws what an artifact's heads, neurons or layers were chosen by."""

from pathlib import Path

from leanglot.charts.importance import write_importance
from leanglot.results.importance import read_importance


def draw_importance(artifact: Path, name: str, folder: Path, prefix: str = "importance") -> tuple[Path, ...]:
    """Write a chart for each pruning step that measured importance, as PNG and as SVG.

    Args:
        artifact: The artifact.
        name: What the chart calls it.
        folder: Where the charts go; made when missing.
        prefix: First part of the files' names.

    Returns:
        The PNG files, in the order of the steps; none where no step measured any.

    Raises:
        ModelError: What the artifact holds of it is damaged.
    """
    stems = {f"{prefix}-{place}-{each.kind}": each for place, each in enumerate(read_importance(artifact), 1)}
    written = [path for stem, each in stems.items() for path in write_importance(each, name, folder, stem)]
    return tuple(path for path in written if path.suffix == ".png")
