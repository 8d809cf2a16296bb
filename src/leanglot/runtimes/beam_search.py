"""Beam search in NumPy over an engine's steps, with the results of transformers' ``generate``."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.decode_loop import Candidates, Ending, Steps, allowed, length_limit
from leanglot.runtimes.seq2seq import Decoded, Decoding

_NEVER: Final = -1e9  # what transformers gives to hypotheses that are none; FP32 as there

Scores = NDArray[np.float32]


@dataclass(slots=True)
class _Finished:
    """The best finished hypotheses of one sentence, at most as many as beams.

    Attributes:
        room: Beams.
        found: Score with the length penalty, order of arrival, tokens, sum of log probabilities, whether it ended.
    """

    room: int
    found: list[tuple[float, int, TokenIds, float, bool]] = field(default_factory=list)

    def add(self, score: float, tokens: TokenIds, total: float, *, ended: bool) -> None:
        self.found.append((score, len(self.found), tokens, total, ended))
        self.found.sort(key=lambda one: (-one[0], one[1]))
        del self.found[self.room :]

    def worst(self) -> float:
        return self.found[-1][0] if len(self.found) == self.room else _NEVER

    def best(self) -> Decoded:
        _, _, tokens, total, ended = self.found[0]
        return Decoded(tokens, total, ended)


@dataclass(slots=True)
class _Beams:
    """What is still being written: `beam` hypotheses of each sentence that is not done.

    Attributes:
        there: Which sentence of the call each is, shape (sentences,).
        written: Shape (sentences, beam, tokens so far), the start tokens excepted.
        scores: Sums of log probabilities, shape (sentences, beam).
    """

    there: NDArray[np.int64]
    written: TokenIds
    scores: Scores


def beam_search(steps: Steps, starts: TokenIds, decoding: Decoding, ending: Ending) -> list[Decoded]:
    """Keep the most probable hypotheses of each sentence, and answer the best that ended.

    A sentence is done once none of its hypotheses, at its present length, could beat the worst of as many finished ones
    as there are beams (transformers' ``early_stopping=False``); it then leaves the batch.

    Args:
        steps: The encoded sources, one row each.
        starts: From `decode_loop.start_tokens`.
        decoding: With `beam` above 1.
        ending: What ends a translation.

    Returns:
        One translation per source, in order.
    """
    beam, most, count = decoding.beam, length_limit(decoding), len(starts)
    done = [_Finished(beam) for _ in range(count)]
    state = _Beams(np.arange(count), np.zeros((count, 1, 0), dtype=np.int64), np.zeros((count, 1), dtype=np.float32))
    given = starts
    for length in range(1, most + 1):
        wanted = 2 * beam + len(ending.suppressed) + 1
        following = allowed(steps.next(given, wanted), ending, ends=decoding.forced is None)
        scores, parents, tokens = _best(state, following, 2 * beam)
        ends = np.ones_like(tokens, dtype=np.bool_) if length == most else tokens == ending.eos
        _collect(done, state, (scores, parents, tokens, ends), decoding, ending.eos)
        if length == most:
            break
        running = scores + np.where(ends, np.float32(_NEVER), np.float32(0))
        order = np.argsort(-running, axis=1, kind="stable")[:, :beam]
        scores = np.take_along_axis(running, order, axis=1)
        parents, tokens = np.take_along_axis(parents, order, axis=1), np.take_along_axis(tokens, order, axis=1)
        going = np.flatnonzero(_may_improve(scores, [done[one] for one in state.there], length, decoding))
        if not len(going):
            break
        rows = (np.arange(len(scores))[:, None] * state.scores.shape[1] + parents)[going].reshape(-1)
        if len(going) < len(scores):
            steps.keep(going)
        if len(rows) != state.scores.size or (rows != np.arange(len(rows))).any():
            steps.reorder(rows)
        state = _grown(state, going, (scores, parents, tokens))
        latest = state.written[:, :, -1].reshape(-1, 1)
        given = latest if decoding.cache else _whole(starts, state)
    return [one.best() for one in done]


def _best(state: _Beams, following: Candidates, count: int) -> tuple[Scores, NDArray[np.int64], TokenIds]:
    """The best continuations of each sentence over its beams: scores, beams they continue, tokens; best first."""
    sentences, beams = state.scores.shape
    scores = following.scores.reshape(sentences, beams, -1) + state.scores[:, :, None]
    each = scores.shape[2]
    scores, tokens = scores.reshape(sentences, -1), following.tokens.reshape(sentences, -1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    scores, tokens = np.take_along_axis(scores, order, axis=1), np.take_along_axis(tokens, order, axis=1)
    if (missing := count - order.shape[1]) > 0:  # a vocabulary smaller than the beams
        order = np.pad(order, ((0, 0), (0, missing)))
        scores = np.pad(scores, ((0, 0), (0, missing)), constant_values=_NEVER)
        tokens = np.pad(tokens, ((0, 0), (0, missing)), mode="edge")
    return scores, order // each, tokens


def _collect(
    done: list[_Finished],
    state: _Beams,
    best: tuple[Scores, NDArray[np.int64], TokenIds, NDArray[np.bool_]],
    decoding: Decoding,
    eos: int,
) -> None:
    """Take what ended among the first `beam` continuations of each sentence; the rest are only there to go on with."""
    scores, parents, tokens, ends = best
    length = state.written.shape[2] + 1
    for row, column in zip(*np.nonzero(ends[:, : decoding.beam]), strict=True):
        total, token = float(scores[row, column]), int(tokens[row, column])
        ended = token == eos
        before = state.written[row, parents[row, column]]
        ids = before.copy() if ended else np.append(before, token)
        penalized = float(np.float32(total) / np.float32(length**decoding.length_penalty))
        done[state.there[row]].add(penalized, ids, total, ended=ended)


def _may_improve(scores: Scores, done: list[_Finished], length: int, decoding: Decoding) -> NDArray[np.bool_]:
    """Whether the best running hypothesis of each sentence, at its present length, beats its worst finished one."""
    best = scores[:, 0] / np.float32(length**decoding.length_penalty)
    return np.asarray(best > np.asarray([one.worst() for one in done], dtype=np.float32))


def _grown(state: _Beams, going: NDArray[np.int64], best: tuple[Scores, NDArray[np.int64], TokenIds]) -> _Beams:
    scores, parents, tokens = best
    before = np.take_along_axis(state.written[going], parents[going][:, :, None], axis=1)
    written = np.concatenate([before, tokens[going][:, :, None]], axis=2)
    return _Beams(state.there[going], written, scores[going])


def _whole(starts: TokenIds, state: _Beams) -> TokenIds:
    """All tokens of each row from its start on, shape (rows, tokens)."""
    beams, length = state.written.shape[1:]
    first = np.repeat(starts[state.there], beams, axis=0)
    return np.concatenate([first, state.written.reshape(-1, length)], axis=1)
