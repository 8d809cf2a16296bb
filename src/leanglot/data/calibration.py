"""Draws texts from a pool, balanced over the languages: for activation ranges and for importance."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from leanglot.data.examples import Examples
from leanglot.data.pool import TextPool
from leanglot.data.split import sample_balanced
from leanglot.errors import DataError
from leanglot.languages import canonical_tag
from leanglot.techniques import Drawing


@dataclass(frozen=True, slots=True)
class DrawnTexts:
    """Texts drawn from a pool.

    Attributes:
        texts: In the order of the pool.
        languages: Canonical BCP 47 tag of each.
        counts: Number of texts by language.
        notes: What to know about the draw, one sentence each.
    """

    texts: tuple[str, ...]
    languages: tuple[str, ...]
    counts: Mapping[str, int]
    notes: tuple[str, ...] = ()


def draw(pool: TextPool, config: Drawing, served: Collection[str] = (), what: str = "Calibration") -> DrawnTexts:
    """Draws texts with the config's balance between the languages.

    The same seed draws the same texts, and what is drawn from one language depends on the others only in number.

    Args:
        pool: What to draw from.
        config: How many, and how they are shared out.
        served: Languages that the model is judged or used in.
        what: What the texts are for, the first word of what is said of them.

    Raises:
        DataError: When the pool lacks a language that is asked for, or all languages of the traffic.
    """
    examples = Examples(pool.texts, ("",) * len(pool.texts), pool.languages)
    if config.languages is not None:
        examples = _restricted(examples, pool.source, config.languages, what)
    traffic, notes = traffic_shares(config.traffic, set(examples.languages), what)
    drawn = sample_balanced(
        examples,
        config.samples,
        config.seed,
        config.balance,
        temperature=config.temperature,
        traffic=traffic,
    )
    if len(drawn) < config.samples:
        notes.append(f"{what} asks for {config.samples:,} texts; there are {len(drawn):,}, and all are used.")
    notes += _gaps(set(drawn.languages), set(served), what)
    counts = dict(sorted(Counter(drawn.languages).items()))
    return DrawnTexts(drawn.texts, drawn.languages, counts, (*pool.notes, *notes))


def _restricted(examples: Examples, source: str, languages: Sequence[str], what: str) -> Examples:
    by_language = examples.by_language()
    wanted = list(dict.fromkeys(map(canonical_tag, languages)))
    if missing := [tag for tag in wanted if tag not in by_language]:
        raise DataError(
            f"{what} asks for {', '.join(missing)}, and {source} has no such texts.",
            f"There are texts in {', '.join(by_language)}.",
        )
    return examples.subset(sorted(int(position) for tag in wanted for position in by_language[tag]))


def traffic_shares(
    shares: Mapping[str, float] | None, present: Collection[str], what: str
) -> tuple[dict[str, float] | None, list[str]]:
    """The shares by canonical tag, and notes on what they do not fit."""
    if shares is None:
        return None, []
    traffic: dict[str, float] = {}
    for tag, share in shares.items():
        traffic[canonical_tag(tag)] = traffic.get(canonical_tag(tag), 0.0) + share
    notes = []
    if abs((total := sum(traffic.values())) - 1) > 0.005:
        notes.append(f"The shares of the traffic add up to {total:.3g}, not 1, and are scaled.")
    if absent := sorted(traffic.keys() - set(present)):
        notes.append(f"{what}: languages with traffic but without texts: {', '.join(absent)}.")
    if left := sorted(set(present) - traffic.keys()):
        notes.append(f"{what}: languages without a share of the traffic, which give no texts: {', '.join(left)}.")
    return traffic, notes


def _gaps(drawn: Collection[str], served: Collection[str], what: str) -> list[str]:
    """Warnings on languages that the model serves and the texts do not cover."""
    absent = sorted(set(served) - set(drawn))
    if not served and len(drawn) == 1:
        (only,) = drawn
        return [f"{what}: texts are in one language, {only}: right for a model that serves no other."]
    if not absent:
        return []
    if len(drawn) == 1:
        (only,) = drawn
        everything = ", ".join(sorted(served))
        return [f"{what}: texts are in one language, {only}; the model serves {len(served)}: {everything}."]
    return [f"{what}: the model serves languages that there are no texts in: {', '.join(absent)}."]
