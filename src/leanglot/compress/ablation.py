"""Measures how much each layer matters to a model's own answers, by language: each is left out in turn."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from leanglot.compress.importance import Rows, Scores, Texts, Told, logits_of, view_of
from leanglot.decide.importance import ByLayer, Combine, merge
from leanglot.models.structure import Block, blocks_of
from leanglot.models.text_classifier import TextClassifier
from leanglot.runtimes.batching import DEFAULT_BATCH_TOKENS, Batch, token_batches


def measure_layers(
    model: TextClassifier,
    rows: Rows,
    how: Combine = "worst",
    traffic: Mapping[str, float] | None = None,
    *,
    batch_tokens: int = DEFAULT_BATCH_TOKENS,
    on_batch: Told | None = None,
) -> Scores:
    """Try the model without each of its layers; the one that matters least goes, and all others are tried again.

    A layer's score is the mean over a language's texts of the Kullback-Leibler divergence (1951) of the answers without
    it from the whole model's, in nats. This goes on until one layer is left, so that the order serves any sparsity;
    most of the time goes into the first rounds. What comes before the layer that is left out is computed once for all,
    so that L layers cost about as much as ``L^2 / 6`` runs of the model over the texts.

    Args:
        model: Left as it is.
        rows: At least one text.
        how: How the languages' divergences become one; see `leanglot.decide.importance.merge`.
        traffic: For ``traffic``.
        batch_tokens: Largest number of tokens in a batch, padding included; a longer text goes alone.
        on_batch: Told of progress.

    Raises:
        RecipeError: There is no text.
        ModelError: The model's family is not known, or its logits are not finite.
        DataError: A language with traffic has no texts.
    """
    texts = Texts.of(rows)
    module = view_of(model.module)
    blocks = blocks_of(module)
    gates = [_gate(module, block) for block in blocks]
    trial = _Trial(module, gates, texts, tuple(token_batches(texts.rows, model.pad_id, batch_tokens)))
    left = list(range(len(blocks)))
    rounds = _Rounds(len(texts.rows), len(blocks), on_batch)
    first: dict[str, ByLayer] = {}
    order: list[int] = []
    while True:
        apart = trial.without_each(left, rounds.told(len(left)))
        by_language = {tag: tuple(row[:, None]) for tag, row in zip(texts.languages, apart, strict=True)}
        first = first or by_language
        merged = merge(by_language, how, traffic)
        removable = [place for place in left if blocks[place].removable]
        if len(left) > 1 and removable:
            least = min(removable, key=lambda place: (float(merged[place][0]), place))
            order.append(least)
            left.remove(least)
        if len(left) == 1 or not removable:
            return Scores("layers", "ablation", texts.counts, first, tuple(order), how)


@dataclass(slots=True)
class _Gate:
    """Stands in for a layer's forward: lets it run, or gives hidden states in its place.

    Attributes:
        forward: The layer's own.
        runs: Whether the layer runs.
        given: What to give where it does not; None gives the hidden states on as they come.
        met: The hidden states that the layer was last run on.
        wraps: Whether the layer gives its hidden states in a tuple.
    """

    forward: Callable[..., Any]
    runs: bool = True
    given: Tensor | None = None
    met: Tensor | None = None
    wraps: bool = False

    def __call__(self, hidden: Tensor, *args: object, **kwargs: object) -> Any:  # noqa: ANN401 - what the layer gives
        if self.runs:
            self.met = hidden
            output = self.forward(hidden, *args, **kwargs)
            self.wraps = isinstance(output, tuple)
            return output
        passed = hidden if self.given is None else self.given
        return (passed,) if self.wraps else passed


def _gate(module: PreTrainedModel, block: Block) -> _Gate:
    layer = module.get_submodule(block.name)
    gate = _Gate(layer.forward)
    layer.forward = gate
    return gate


@dataclass(slots=True)
class _Trial:
    """A model with a gate before each layer, and its own answers to some texts.

    Attributes:
        module: The model.
        gates: One per layer.
        texts: The texts.
        batches: The texts in batches.
        whole: Log-probabilities of the whole model by batch, each of shape (texts, labels).
    """

    module: PreTrainedModel
    gates: Sequence[_Gate]
    texts: Texts
    batches: Sequence[Batch]
    whole: list[Tensor] = field(default_factory=list)

    def without_each(self, left: Sequence[int], told: Callable[[int], None]) -> NDArray[np.float64]:
        """The divergence of the answers of the layers that are left, less each of them, from the whole model's.

        Args:
            left: Layers that run; in the first call, all.
            told: Called after each batch with the number of texts done.

        Returns:
            Shape (languages, layers); 0 for the layers that are gone.
        """
        apart = np.zeros((len(self.texts.rows), len(self.gates)))
        done = 0
        with torch.inference_mode():
            for number, batch in enumerate(self.batches):
                self._set(left)
                answers = _log_probabilities(self.module, batch)
                if number == len(self.whole):
                    self.whole.append(answers)
                met = {place: self.gates[place].met for place in left}
                for place in left:
                    self._set([other for other in left if other > place])
                    self.gates[place].given = met[place]
                    own = _log_probabilities(self.module, batch)
                    apart[batch.positions, place] = _divergences(self.whole[number], own)
                done += len(batch.positions)
                told(done)
        return self.texts.means(apart)

    def _set(self, running: Collection[int]) -> None:
        for place, gate in enumerate(self.gates):
            gate.runs, gate.given = place in running, None


def _log_probabilities(module: PreTrainedModel, batch: Batch) -> Tensor:
    return logits_of(module, batch).double().log_softmax(dim=-1)


def _divergences(whole: Tensor, own: Tensor) -> NDArray[np.float64]:
    """Shape (texts,), 0 or more."""
    apart: NDArray[np.float64] = (whole.exp() * (whole - own)).sum(dim=-1).clamp(min=0).numpy()
    return apart


@dataclass(frozen=True, slots=True)
class _Rounds:
    """Turns the progress of one round into that of all: a round costs as much as layers run in it."""

    texts: int
    layers: int
    on_batch: Told | None

    def told(self, left: int) -> Told:
        """What to call with the number of texts done in the round with so many layers left."""
        costs = {size: size + size * (size - 1) / 2 for size in range(self.layers, min(self.layers, 2) - 1, -1)}
        before = sum(cost for size, cost in costs.items() if size > left)
        whole = sum(costs.values())

        def tell(done: int) -> None:
            if self.on_batch is not None:
                self.on_batch(round((before * self.texts + costs[left] * done) / whole))

        return tell
