"""Learns to tell the languages that are served apart, from texts of theirs, and when to be unsure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import SGDClassifier

from leanglot.errors import DataError
from leanglot.results.router_manifest import IdentifierInfo
from leanglot.runtimes.identifier import Identifier, hashed

NGRAMS: Final = (1, 4)
MOST_BUCKETS: Final = 2**15
MOST_BYTES: Final = 4_000_000
MOST_TEXTS: Final = 2_000
"""Texts per language that it learns from; more of them teach little."""

TURNED_AWAY: Final = 0.02
"""Part of the held-out texts told right that the threshold calls unknown all the same, which is the price of turning
foreign languages away."""

FEWEST_TEXTS: Final = 8
"""Texts that a language needs to be learned: one told from fewer would claim what is not its own."""

LOWEST: Final = 0.51
"""The threshold is never lower: a text of nothing familiar has about one half."""

_PARTS: Final = 2
_PASSES: Final = 5


@dataclass(frozen=True, eq=False)
class Lessons:
    """Texts to learn languages from.

    Attributes:
        texts: The texts.
        languages: Canonical tag of each.
        groups: Cluster of each; None where each text stands for itself.
        source: What they are, in a few words.
    """

    texts: Sequence[str]
    languages: Sequence[str]
    groups: Sequence[str] | None
    source: str


@dataclass(frozen=True, eq=False)
class Learned:
    """An identifier, and what it told of its own lessons when it had not learned from them.

    Attributes:
        identifier: Learned from all of them.
        positions: Lessons that were told so.
        told: The language told of each of these; None where it was too unsure.
        left_out: Languages with too few lessons to be learned, sorted.
        probabilities: What it gave each language for each of these when it had not learned from them, shape
            ``(lessons, languages)``, in the order of the identifier's languages; None where that was not kept.
    """

    identifier: Identifier
    positions: NDArray[np.int64]
    told: tuple[str | None, ...]
    left_out: tuple[str, ...] = ()
    probabilities: NDArray[np.float32] | None = None


def learn(lessons: Lessons, seed: int = 0) -> Learned:
    """Learn to tell languages apart.

    Lessons are held out in turns, whole groups together; the threshold is then as strict as turns away
    `TURNED_AWAY` of the held-out texts that were told right, and at least so strict that a text without any familiar
    n-gram is unknown.

    Args:
        lessons: Texts of at least two languages.
        seed: Seed of what is drawn; the same lessons and seed give the same identifier.

    Raises:
        DataError: There are fewer than two languages with enough lessons.
    """
    counts = Counter(lessons.languages)
    tags = tuple(sorted(tag for tag, count in counts.items() if count >= FEWEST_TEXTS))
    left_out = tuple(sorted(set(counts) - set(tags)))
    if len(tags) < 2:
        raise DataError(
            f"No languages can be told apart after {lessons.source}: {len(tags)} of them have at least {FEWEST_TEXTS} "
            "texts.",
            "Give more texts, of two languages or more, or leave detection out with --no-detect.",
        )
    chosen = _limited(lessons, seed)
    info = IdentifierInfo(
        languages=tags, ngrams=NGRAMS, buckets=_buckets(len(tags)), threshold=0.5, learned_from=lessons.source
    )
    rows = hashed([lessons.texts[place] for place in chosen], info)
    names = np.asarray([lessons.languages[place] for place in chosen], dtype=np.str_)
    known = np.isin(names, tags)
    answers = np.searchsorted(np.asarray(tags, dtype=np.str_), names)
    parts = _parts(lessons, chosen, seed)
    probabilities = np.zeros((len(chosen), len(tags)), dtype=np.float32)
    for part in range(_PARTS):
        out = parts == part
        given = known & ~out
        if out.any() and given.any():
            weights = _fitted(rows[given], answers[given], len(tags), seed)
            probabilities[out] = expit(rows[out] @ weights.astype(np.float32))
    best = probabilities.argmax(axis=1)
    sureness = probabilities[np.arange(len(best)), best]
    right = sureness[known & (best == answers) & (sureness > 0)]
    threshold = max(LOWEST, round(float(np.quantile(right, TURNED_AWAY)), 4)) if right.size else LOWEST
    weights = _fitted(rows[known], answers[known], len(tags), seed)
    identifier = Identifier(info.model_copy(update={"threshold": threshold}), weights)
    told = [tags[number] if sure >= threshold else None for number, sure in zip(best, sureness, strict=True)]
    return Learned(identifier, chosen, tuple(told), left_out, probabilities)


def _fitted(rows: Any, answers: NDArray[np.int64], number: int, seed: int) -> NDArray[np.float16]:  # noqa: ANN401
    """Weights as they are stored, shape ``(buckets, languages)``; a language without lessons is never told.

    There are no intercepts: they would let a text of nothing familiar be told.
    """
    present = np.unique(answers)
    weights = np.zeros((rows.shape[1], number), dtype=np.float16)
    if present.size > 1:
        model = SGDClassifier(
            loss="log_loss",
            alpha=1e-6,
            max_iter=_PASSES,
            tol=None,
            fit_intercept=False,
            class_weight="balanced",
            random_state=seed,
        ).fit(rows, answers)
        # Of two languages one regression is learned; the other is its opposite.
        slopes = model.coef_ if present.size > 2 else np.concatenate([-model.coef_, model.coef_])
        weights[:, present] = slopes.T
    return weights


def _buckets(languages: int) -> int:
    buckets = MOST_BUCKETS
    while buckets > 1024 and buckets * languages * 2 > MOST_BYTES:
        buckets //= 2
    return buckets


def _limited(lessons: Lessons, seed: int) -> NDArray[np.int64]:
    """Ascending positions of at most so many lessons of each language."""
    languages = np.asarray(lessons.languages, dtype=np.str_)
    kept = []
    for tag in np.unique(languages):
        places = np.flatnonzero(languages == tag)
        drawn = np.random.default_rng([seed, *str(tag).encode()]).permutation(places)
        kept.append(drawn[:MOST_TEXTS])
    return np.sort(np.concatenate(kept)).astype(np.int64)


def _parts(lessons: Lessons, chosen: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """In which part each chosen lesson is held out; equal texts, and those of one group, are held out together."""
    names = lessons.texts if lessons.groups is None else lessons.groups
    keys = [f"{lessons.languages[place]}\0{names[place]}" for place in chosen]
    unique, whose = np.unique(np.asarray(keys, dtype=np.str_), return_inverse=True)
    order = np.random.default_rng(seed).permutation(unique.size)
    tag_of = np.asarray([str(key).partition("\0")[0] for key in unique])
    part = np.empty(unique.size, dtype=np.int64)
    for tag in np.unique(tag_of):  # in turns within each language, so that none is held out whole
        own = order[tag_of[order] == tag]
        part[own] = np.arange(own.size) % _PARTS
    return part[whose]
