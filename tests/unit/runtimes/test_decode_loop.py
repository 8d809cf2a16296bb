"""The decode loop and the beam search over a made-up model, checked against trying every translation."""

import itertools
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanglot.runtimes.beam_search import beam_search
from leanglot.runtimes.decode_loop import Candidates, Ending, allowed, greedy, length_limit, pad_sources, start_tokens
from leanglot.runtimes.seq2seq import Decoding, SourceRow

EOS = 0
WORDS = 4


@dataclass
class TableSteps:
    """A model whose next token depends on the sentence and on all tokens so far; it checks how it is called."""

    seed: int
    sentences: list[int]
    cache: bool = True
    rows: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)

    def __post_init__(self):
        self.rows = [(sentence, ()) for sentence in self.sentences]

    def next(self, tokens, count):
        assert len(tokens) % len(self.sentences) == 0
        self.calls.append(len(tokens))
        each = len(tokens) // len(self.sentences)
        whose = [sentence for sentence in self.sentences for _ in range(each)]
        if self.cache:
            assert [sentence for sentence, _ in self.rows] == whose, "rows of a sentence stand together"
            self.rows = [
                (one, (*before, *map(int, more))) for (one, before), more in zip(self.rows, tokens, strict=True)
            ]
        else:
            self.rows = [(one, tuple(map(int, more))) for one, more in zip(whose, tokens, strict=True)]
        scores = np.stack([log_probabilities(self.seed, *row) for row in self.rows])
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        return Candidates(order.astype(np.int64), np.take_along_axis(scores, order, axis=1))

    def keep(self, sentences):
        self.sentences = [self.sentences[one] for one in sentences]

    def reorder(self, rows):
        self.rows = [self.rows[row] for row in rows]


def log_probabilities(seed, sentence, tokens):
    rng = np.random.default_rng([seed, sentence, *tokens])
    logits = rng.normal(size=WORDS) * 2
    return (logits - np.log(np.exp(logits).sum())).astype(np.float32)


def total(seed, sentence, tokens):
    return sum(float(log_probabilities(seed, sentence, (9, *tokens[:n]))[token]) for n, token in enumerate(tokens))


def best_of_all(seed, sentence, most, penalty):
    """Of all token sequences that end within `most` tokens or are cut there, the one with the highest score."""
    words = range(1, WORDS)
    ended = [(*some, EOS) for n in range(most) for some in itertools.product(words, repeat=n)]
    every = [*ended, *itertools.product(words, repeat=most)]
    return max(every, key=lambda tokens: total(seed, sentence, tokens) / len(tokens) ** penalty)


def starts(count):
    return np.full((count, 1), 9, dtype=np.int64)


@given(st.integers(0, 10_000), st.integers(1, 5), st.booleans())
@settings(max_examples=60, deadline=None)
def test_greedy_takes_the_best_at_each_step(seed, count, cache):
    found = greedy(
        TableSteps(seed, [*range(count)], cache), starts(count), Decoding(max_tokens=5, cache=cache), Ending(EOS)
    )
    for sentence, one in enumerate(found):
        tokens = []
        while len(tokens) < 5 and EOS not in tokens:
            tokens.append(int(np.argmax(log_probabilities(seed, sentence, (9, *tokens)))))
        assert one.finished == (tokens[-1] == EOS)
        assert one.ids.tolist() == [token for token in tokens if token != EOS]
        assert one.log_probability == pytest.approx(total(seed, sentence, tuple(tokens)), abs=1e-5)


@given(st.integers(0, 10_000), st.integers(1, 3), st.booleans())
@settings(max_examples=40, deadline=None)
def test_wide_beams_find_the_best_of_all(seed, count, cache):
    """With as many beams as there are hypotheses nothing is cut off; without a penalty nothing is stopped too early."""
    decoding = Decoding(beam=30, length_penalty=0.0, max_tokens=4, cache=cache)
    found = beam_search(TableSteps(seed, [*range(count)], cache), starts(count), decoding, Ending(EOS))
    for sentence, one in enumerate(found):
        wanted = best_of_all(seed, sentence, 4, 0.0)
        assert [*one.ids, *([EOS] if one.finished else [])] == [*wanted]
        assert one.log_probability == pytest.approx(total(seed, sentence, wanted), abs=1e-4)


@given(st.integers(0, 10_000), st.integers(2, 4), st.floats(0, 2))
@settings(max_examples=40, deadline=None)
def test_batch_mates_do_not_change_a_beam(seed, beam, penalty):
    decoding = Decoding(beam=beam, length_penalty=penalty, max_tokens=6)
    together = beam_search(TableSteps(seed, [0, 1, 2, 3]), starts(4), decoding, Ending(EOS))
    for sentence, one in enumerate(together):
        (alone,) = beam_search(TableSteps(seed, [sentence]), starts(1), decoding, Ending(EOS))
        assert alone.ids.tolist() == one.ids.tolist()
        assert alone.log_probability == one.log_probability


@pytest.mark.parametrize("search", [greedy, beam_search])
def test_every_translation_ends_within_the_bound(search):
    never = Ending(eos=99)
    found = search(TableSteps(3, [0, 1]), starts(2), Decoding(beam=2, max_tokens=7), never)
    assert [(len(one.ids), one.finished) for one in found] == [(7, False), (7, False)]


@pytest.mark.parametrize("search", [greedy, beam_search])
def test_forced_translations_have_the_length_asked_for(search):
    found = search(TableSteps(5, [0, 1, 2]), starts(3), Decoding(beam=2, max_tokens=3, forced=6), Ending(EOS))
    assert [len(one.ids) for one in found] == [6, 6, 6]
    assert all(EOS not in one.ids for one in found)


@pytest.mark.parametrize("search", [greedy, beam_search])
def test_suppressed_tokens_are_never_chosen(search):
    decoding = Decoding(beam=2, max_tokens=6)
    free = search(TableSteps(1, [*range(8)]), starts(8), decoding, Ending(EOS))
    assert any(2 in one.ids for one in free)
    found = search(TableSteps(1, [*range(8)]), starts(8), decoding, Ending(EOS, suppressed=(2,)))
    assert not any(2 in one.ids for one in found)


def test_finished_sentences_leave_the_batch():
    steps = TableSteps(2, [*range(16)])
    found = greedy(steps, starts(16), Decoding(max_tokens=12), Ending(EOS))
    assert len({len(one.ids) for one in found}) > 2
    assert steps.calls[0] == 16
    assert steps.calls[-1] < 16
    assert steps.calls == sorted(steps.calls, reverse=True)


def test_every_candidate_suppressed_is_an_error():
    candidates = Candidates(np.asarray([[1, 2]]), np.zeros((1, 2), dtype=np.float32))
    with pytest.raises(ValueError, match="every candidate is suppressed"):
        allowed(candidates, Ending(EOS, (1, 2)), ends=True)


def test_rows_lose_what_is_not_allowed_and_keep_their_order():
    candidates = Candidates(
        np.asarray([[5, 0, 7], [7, 5, 6]]), np.asarray([[-1, -2, -3], [-1, -2, -3]], dtype=np.float32)
    )
    left = allowed(candidates, Ending(EOS), ends=False)
    assert left.tokens.tolist() == [[5, 7], [7, 5]]
    assert left.scores.tolist() == [[-1, -3], [-1, -2]]


def test_short_sources_are_padded():
    rows = [SourceRow(np.asarray([4, 5, 6]), (1,)), SourceRow(np.asarray([7]), (1,))]
    ids, mask = pad_sources(rows, 3)
    assert ids.tolist() == [[4, 5, 6], [7, 3, 3]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]


def test_start_tokens_must_be_equally_many():
    row = np.asarray([4])
    assert start_tokens([SourceRow(row, (1, 2)), SourceRow(row, (1, 3))]).tolist() == [[1, 2], [1, 3]]
    with pytest.raises(ValueError, match="equally many start tokens"):
        start_tokens([SourceRow(row, (1, 2)), SourceRow(row, (1,))])


def test_a_forced_length_is_the_limit():
    assert length_limit(Decoding(max_tokens=8)) == 8
    assert length_limit(Decoding(max_tokens=8, forced=30)) == 30
