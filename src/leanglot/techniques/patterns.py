"""Names the layers that a step leaves alone: patterns over the dotted names that PyTorch gives to modules."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase

from leanglot.errors import RecipeError


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a module's dotted name, or a module around it, is meant by any of the patterns.

    A pattern is one or more dotted parts, each with ``*`` and ``?`` as in file names, that follow each other
    anywhere in the name: ``embeddings``, ``layer.0``, ``layer.*.output``.

    Args:
        name: Such as ``bert.encoder.layer.0.output.dense``.
        patterns: The patterns.
    """
    parts = name.split(".")
    return any(_within(parts, pattern.strip(".").split(".")) for pattern in patterns)


def _within(parts: list[str], wanted: list[str]) -> bool:
    starts = range(len(parts) - len(wanted) + 1)
    return any(all(map(fnmatchcase, parts[start : start + len(wanted)], wanted)) for start in starts)


def kept(
    names: Collection[str],
    patterns: Iterable[str],
    key: str = "keep",
    what: str = "layer that this step would quantize",
) -> set[str]:
    """The names that the patterns mean.

    Args:
        names: Dotted names.
        patterns: The patterns.
        key: The setting that holds them, for the error.
        what: What they are to match, for the error.

    Raises:
        RecipeError: A pattern means none of them, which is a slip more often than a wish.
    """
    found: set[str] = set()
    for pattern in patterns:
        meant = {name for name in names if matches(name, [pattern])}
        if not meant:
            some = get_close_matches(pattern, names, n=3, cutoff=0.3) or sorted(names)[:3]
            raise RecipeError(
                f"{key}: {pattern!r} matches no {what}.",
                f"Layers have names such as {', '.join(some)}; a pattern is one or more dotted parts of one.",
            )
        found |= meant
    return found
