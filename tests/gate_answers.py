"""Answers of two models to the same examples, and gates over them, made up from counts."""

from datetime import UTC, datetime

import numpy as np

from leanglot.decide.gate import Contestant, GateRule, decide_gate
from leanglot.results.gate import GateSide
from leanglot.results.predictions import Predictions

WHEN = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)


def answers(languages, right, group=None, wrong="music"):
    """Answers that are right where told so; every label is "lights"."""
    label = ("lights",) * len(languages)
    return Predictions(
        index=np.arange(len(languages)),
        language=tuple(languages),
        group=None if group is None else tuple(group),
        label=label,
        predicted=tuple("lights" if each else wrong for each in right),
        correct=np.asarray(right, dtype=np.bool_),
        confidence=None,
    )


def pair(counts, group=None, wrong="music"):
    """Two sets of answers from (right twice, lost, won, wrong twice) of each language."""
    languages, old, new = [], [], []
    for tag, (both, lost, won, neither) in counts.items():
        languages += [tag] * (both + lost + won + neither)
        old += [1] * both + [1] * lost + [0] * won + [0] * neither
        new += [1] * both + [0] * lost + [1] * won + [0] * neither
    return answers(languages, old, group), answers(languages, new, group, wrong)


def sides(counts, sizes=(None, None), names=("base", "cand"), **settings):
    one, other = pair(counts, **settings)
    return tuple(
        Contestant(GateSide(name=name, kind="artifact", size_bytes=size), each)
        for name, size, each in zip(names, sizes, (one, other), strict=True)
    )


def decided(counts, rule=None, sizes=(None, None), names=("base", "cand"), notes=(), data="test.jsonl", **settings):
    """The decision over answers of those counts."""
    return decide_gate(*sides(counts, sizes, names, **settings), rule or GateRule(), WHEN, data, notes)
