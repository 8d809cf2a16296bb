"""The goals of the ledger: at least as fast as the fastest peer, a third of the size, never more wrong."""

from collections.abc import Mapping, Sequence
from typing import Final

from peer_engines import ORT_DEFAULT, ORT_MATMUL, OURS, engine_named
from peer_records import Goal, Row

_AIM: Final = 1.3
_SIZE: Final = 1 / 3


def judge_goals(rows: Sequence[Row], *, trained: bool) -> tuple[Goal, ...]:
    """How leanglot's candidate stands against all others.

    Args:
        rows: One per engine, leanglot's among them.
        trained: Whether answers mean anything.
    """
    named = {row.engine: row for row in rows}
    ours = named[OURS]
    peers = [row for row in rows if row.engine != OURS]
    sizes = [_size(ours, row) for row in peers if row.engine in {ORT_DEFAULT, ORT_MATMUL}]
    return (*_speeds(ours, peers), *sizes, _errors(ours, peers), *([_answers(ours, peers)] if trained else []))


def _speeds(ours: Row, peers: Sequence[Row]) -> list[Goal]:
    goals = []
    for length in ours.latency:
        timed = {row.engine: row.latency[length] for row in peers if length in row.latency}
        if not timed:
            continue
        fastest = min(timed, key=lambda name: timed[name].value)
        lead = timed[fastest].lead
        detail = f"{lead.median:.2f}× the speed of {fastest} ({lead.low:.2f}–{lead.high:.2f} over the rounds)"
        if lead.median < 1:
            detail += f"; missed by {1 - lead.median:.0%}"
        elif lead.median < _AIM:
            detail += f"; the aim of {_AIM} is missed by {1 - lead.median / _AIM:.0%}"
        goals.append(Goal(goal=f"as fast as the fastest peer at length {length}", met=lead.median >= 1, detail=detail))
    if not goals:
        reason = ours.reason or "no peer was timed"
        goals.append(Goal(goal="as fast as the fastest peer at each length", met=None, detail=reason))
    return goals


def _size(ours: Row, default: Row) -> Goal:
    goal = f"at most a third of {default.engine} on disk"
    if ours.size_bytes is None or default.size_bytes is None:
        return Goal(goal=goal, met=None, detail=ours.reason or default.reason or "a size is missing")
    share = ours.size_bytes / default.size_bytes
    bare = (ours.size_bytes - (ours.tokenizer_bytes or 0)) / (default.size_bytes - (default.tokenizer_bytes or 0))
    detail = f"{share:.2f} of it, {bare:.2f} without the tokenizers"
    if share > _SIZE:
        detail += f"; missed by a factor of {share / _SIZE:.2f}"
    return Goal(goal=goal, met=share <= _SIZE, detail=detail)


def _errors(ours: Row, peers: Sequence[Row]) -> Goal:
    """Against every quantized peer: the reference itself has no error."""
    goal = "logits no more wrong than any quantized peer's"
    others = {
        row.engine: row.agreement.relative_error
        for row in peers
        if row.agreement is not None and engine_named(row.engine).quantized
    }
    if ours.agreement is None or not others:
        return Goal(goal=goal, met=None, detail=ours.reason or "no quantized peer answered")
    own = ours.agreement.relative_error
    return _ranked(goal, own, others, f"relative error {own:.4f}", ".4f")


def _answers(ours: Row, peers: Sequence[Row]) -> Goal:
    goal = "no fewer of PyTorch's answers than any quantized peer"
    others = {
        row.engine: row.agreement.texts - row.agreement.same_answers
        for row in peers
        if row.agreement is not None and row.agreement.same_answers is not None and engine_named(row.engine).quantized
    }
    if ours.agreement is None or ours.agreement.same_answers is None or not others:
        return Goal(goal=goal, met=None, detail=ours.reason or "no quantized peer answered")
    own = ours.agreement.texts - ours.agreement.same_answers
    return _ranked(goal, own, others, f"{own} of {ours.agreement.texts} answers differ", "d")


def _ranked(goal: str, own: float, others: Mapping[str, float], told: str, form: str) -> Goal:
    better = {name: value for name, value in sorted(others.items(), key=lambda item: item[1]) if value < own}
    if not better:
        nearest = min(others, key=lambda name: others[name])
        return Goal(goal=goal, met=True, detail=f"{told}; the best peer, {nearest}: {others[nearest]:{form}}")
    named = ", ".join(f"{name} {value:{form}}" for name, value in better.items())
    return Goal(goal=goal, met=False, detail=f"{told}; better are {named}")
