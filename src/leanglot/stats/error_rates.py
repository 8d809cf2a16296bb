"""Draws from the posterior of error rates by language, jointly for candidates that were judged on the same examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from leanglot.stats.clusters import cluster_sums, design_effect

DRAWS: Final = 4_000
METHOD: Final = "Bayesian bootstrap over the examples, the same for all candidates, with a Jeffreys prior on each rate"


@dataclass(frozen=True)
class ErrorCount:
    """Wrong answers among judged ones.

    Attributes:
        errors: Wrong answers.
        n: All answers; 0 where none was judged, which leaves the rate unknown.
    """

    errors: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.errors <= self.n:
            raise ValueError(f"{self.errors} errors of {self.n} answers cannot be")


@dataclass(frozen=True, eq=False)
class ErrorDraws:
    """Draws from the posterior of every error rate, and what was observed.

    Attributes:
        candidates: Names, the first axis of all arrays.
        languages: Tags, the second axis.
        rates: Draws of the error rates, shape ``(candidates, languages, draws)``, float64; NaN where nothing was
            judged. Draw ``d`` of all candidates and languages belongs together.
        errors: Wrong answers, shape ``(candidates, languages)``, int64.
        examples: Judged answers, shape ``(candidates, languages)``, int64.
    """

    candidates: tuple[str, ...]
    languages: tuple[str, ...]
    rates: NDArray[np.float64]
    errors: NDArray[np.int64]
    examples: NDArray[np.int64]

    @property
    def observed(self) -> NDArray[np.float64]:
        """Observed error rates, shape ``(candidates, languages)``; NaN where nothing was judged."""
        unknown = np.full(self.examples.shape, np.nan)
        return np.asarray(np.divide(self.errors, self.examples, out=unknown, where=self.examples > 0))

    def weighted(self, candidate: str, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Draws of a weighted sum of one candidate's error rates, as `weighted_sum` makes it.

        Args:
            candidate: Its name.
            weights: 0 or more, shape ``(languages,)``; unknown rates need a weight of 0.
        """
        row = self.candidates.index(candidate)
        return weighted_sum(self.rates[row], self.observed[row], weights)

    def joined(self, other: "ErrorDraws") -> Self:
        """These and the draws of other candidates, independent of these; languages that one side lacks are unknown.

        Args:
            other: As many draws, of candidates of other names.

        Raises:
            ValueError: Names repeat, or the numbers of draws differ.
        """
        if set(self.candidates) & set(other.candidates):
            raise ValueError("both sides have draws of the same candidate")
        if self.rates.shape[2] != other.rates.shape[2]:
            raise ValueError("the numbers of draws differ")
        languages = tuple(sorted({*self.languages, *other.languages}))
        parts = [part.over(languages) for part in (self, other)]
        return type(self)(
            candidates=self.candidates + other.candidates,
            languages=languages,
            rates=np.concatenate([part.rates for part in parts]),
            errors=np.concatenate([part.errors for part in parts]),
            examples=np.concatenate([part.examples for part in parts]),
        )

    def over(self, languages: Sequence[str]) -> Self:
        """The same over these languages, in their order; those without draws are unknown.

        Args:
            languages: Tags.
        """
        shape = (len(self.candidates), len(languages))
        rates = np.full((*shape, self.rates.shape[2]), np.nan)
        errors, examples = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for place, tag in enumerate(languages):
            if tag in self.languages:
                own = self.languages.index(tag)
                rates[:, place], errors[:, place] = self.rates[:, own], self.errors[:, own]
                examples[:, place] = self.examples[:, own]
        return type(self)(self.candidates, tuple(languages), rates, errors, examples)


def weighted_sum(
    rates: NDArray[np.float64], observed: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Draws of a weighted sum of error rates, in which the prior pulls as much as it does in one language.

    The prior pulls each rate a little towards one half. The rates scatter independently, so that their sum's spread
    grows with the root of the number of languages; but all are pulled the same way, and of 24 languages the sum would
    be pulled out of its own interval. So the draws are moved until their mean lies off the observed sum by the root of
    the summed squares of the pulls. For one language nothing changes.

    Args:
        rates: Draws, shape ``(languages, draws)``.
        observed: Observed error rates, shape ``(languages,)``.
        weights: 0 or more, shape ``(languages,)``; unknown rates need a weight of 0.

    Returns:
        Draws of the sum, never negative, shape ``(draws,)``.
    """
    counted = weights > 0
    sums = weights[counted] @ rates[counted]
    pulls = weights[counted] * (rates[counted].mean(axis=1) - observed[counted])
    moved = float(np.sign(pulls.sum())) * float(np.sqrt(np.sum(pulls**2))) - float(pulls.sum())
    return np.asarray(np.maximum(sums + moved, 0.0))


def error_rate_draws(
    correct: Mapping[str, NDArray[np.bool_]],
    languages: Sequence[str],
    groups: Sequence[str] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> ErrorDraws:
    """Draws the error rates of candidates that answered the same examples, so that their common ups and downs cancel.

    In each language the examples, or whole groups of them, get random weights, the same for all candidates: the
    Bayesian bootstrap (Rubin, "The Bayesian bootstrap", 1981). Each candidate by itself gets half a wrong and half a
    right answer besides (of as many examples as one independent observation is worth where there are groups: the
    design effect of its errors), weighted as randomly: the Jeffreys prior. Without groups, a rate alone is then
    distributed as Beta(errors + 1/2, right + 1/2), exactly; so ten right answers of ten are no proof of an error rate
    of 0.

    Args:
        correct: For each candidate whether each answer is right, bool of shape ``(n,)``, aligned by position.
        languages: Tag of each example, length ``n``.
        groups: Cluster of each example within its language; None where each stands for itself.
        draws: Number of draws.
        seed: Each language has a random stream of its own from it: its draws depend neither on the other languages nor
            on the order of the examples or of the candidates.

    Returns:
        The draws, candidates in the order given, languages sorted.

    Raises:
        ValueError: Lengths differ, or there is no candidate.
    """
    names = tuple(correct)
    if not names:
        raise ValueError("there is no candidate")
    wrong = ~np.stack([np.asarray(correct[name], dtype=bool) for name in names])
    if len(languages) != wrong.shape[1] or (groups is not None and len(groups) != len(languages)):
        raise ValueError(f"{wrong.shape[1]} answers, {len(languages)} languages: each example needs one of each")
    tags, whose = np.unique(np.asarray(languages, dtype=str), return_inverse=True)
    clusters = None if groups is None else np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1]
    order = np.argsort(np.asarray(names, dtype=str), kind="stable")
    back = np.argsort(order, kind="stable")
    rates = np.empty((len(names), tags.size, draws))
    for place, tag in enumerate(tags):
        chosen = whose == place
        inside = wrong[order][:, chosen]
        units = _units(inside, None if clusters is None else clusters[chosen])
        rates[:, place] = _drawn(units, draws, _stream(seed, str(tag)))[back]
    by_language = [wrong[:, whose == place] for place in range(tags.size)]
    shape = (len(names), tags.size)
    return ErrorDraws(
        candidates=names,
        languages=tuple(map(str, tags)),
        rates=rates,
        errors=np.array([each.sum(axis=1) for each in by_language], dtype=np.int64).T.reshape(shape),
        examples=np.broadcast_to(np.bincount(whose, minlength=tags.size), shape).astype(np.int64),
    )


def counted_draws(counts: Mapping[str, Mapping[str, ErrorCount]], draws: int = DRAWS, seed: int = 0) -> ErrorDraws:
    """Draws error rates from counts alone, independently: where single answers are not known, nothing cancels.

    Each is Beta(errors + 1/2, right + 1/2), the posterior after the Jeffreys prior.

    Args:
        counts: Wrong answers by candidate and language.
        draws: Number of draws.
        seed: Each candidate has a random stream of its own in each language from it.

    Returns:
        The draws, languages sorted; those that a candidate lacks, or of which it has no answer, are unknown.
    """
    names, languages = tuple(counts), tuple(sorted({tag for each in counts.values() for tag in each}))
    rates = np.full((len(names), len(languages), draws), np.nan)
    errors, examples = np.zeros(rates.shape[:2], dtype=np.int64), np.zeros(rates.shape[:2], dtype=np.int64)
    for row, name in enumerate(names):
        for place, tag in enumerate(languages):
            found = counts[name].get(tag, ErrorCount(0, 0))
            if found.n:
                stream = _stream(seed, tag, name)
                rates[row, place] = stream.beta(found.errors + 0.5, found.n - found.errors + 0.5, size=draws)
                errors[row, place], examples[row, place] = found.errors, found.n
    return ErrorDraws(names, languages, rates, errors, examples)


@dataclass(frozen=True)
class _Units:
    """What is drawn whole: examples or groups, those that are alike counted together.

    Attributes:
        wrong: Wrong answers in one of each kind, shape ``(candidates, kinds)``.
        sizes: Answers in one of each kind, shape ``(kinds,)``.
        counts: How many there are of each kind, shape ``(kinds,)``.
        worth: Examples per independent observation, shape ``(candidates,)``.
    """

    wrong: NDArray[np.float64]
    sizes: NDArray[np.float64]
    counts: NDArray[np.int64]
    worth: NDArray[np.float64]


def _units(wrong: NDArray[np.bool_], clusters: NDArray[np.int64] | None) -> _Units:
    """The kinds of units in an order that does not depend on that of the examples."""
    worth = np.ones(len(wrong))
    if clusters is None:
        sizes, sums = np.ones(wrong.shape[1], dtype=np.int64), wrong.astype(np.int64)
    else:
        numbers = np.unique(clusters, return_inverse=True)[1]
        sizes = np.bincount(numbers)
        sums = np.stack([np.bincount(numbers, weights=row) for row in wrong]).astype(np.int64)
        worth = np.array([_worth(row, numbers) for row in wrong])
    kinds, counts = np.unique(np.vstack([sums, sizes]), axis=1, return_counts=True)
    return _Units(kinds[:-1].astype(np.float64), kinds[-1].astype(np.float64), counts, worth)


def _worth(wrong: NDArray[np.bool_], groups: NDArray[np.int64]) -> float:
    """The design effect of errors, or of right answers where these are the rarer."""
    rarer = wrong if 2 * int(wrong.sum()) <= wrong.size else ~wrong
    return design_effect(cluster_sums(rarer.astype(np.float64), groups))


def _drawn(units: _Units, draws: int, stream: np.random.Generator) -> NDArray[np.float64]:
    """Error rates, shape ``(candidates, draws)``: sums of Gamma weights over each other, which is a Dirichlet."""
    weights = stream.standard_gamma(units.counts[:, None], size=(units.counts.size, draws))
    # Half the square of a normal number is Gamma(1/2).
    prior = stream.standard_normal((2, units.wrong.shape[0], draws)) ** 2 / 2
    prior *= units.worth[:, None]
    return np.asarray((units.wrong @ weights + prior[0]) / (units.sizes @ weights + prior[0] + prior[1]))


def _stream(seed: int, *names: str) -> np.random.Generator:
    """A random stream that depends on the seed and these names alone."""
    parts = [seed]
    for name in names:
        coded = name.encode()
        parts += [len(coded), *coded]
    return np.random.default_rng(parts)
