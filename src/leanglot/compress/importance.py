"""Measures how much heads and neurons matter to a model's own answers, by language, on texts without labels."""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from leanglot.decide.importance import ByLayer, Combine
from leanglot.errors import ModelError, RecipeError
from leanglot.models.structure import blocks_of, heads_of, neurons_of
from leanglot.models.text_classifier import TextClassifier
from leanglot.results.atomic import file_atomically
from leanglot.results.shaping import UnitKind
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.batching import DEFAULT_BATCH_TOKENS, Batch, token_batches

Rows = Mapping[str, Sequence[TokenIds]]
"""Token ids per text, by language."""
Told = Callable[[int], None]
"""Called after each batch with the number of texts that are done so far; the last call tells all of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """The importance of a model's heads, neurons or layers.

    Attributes:
        kind: What was scored.
        method: ``taylor`` or ``gradient``; ``ablation`` for layers.
        texts: Number of texts by language.
        by_language: Scores by language, 0 or more, an array of shape (units,) for each layer: a score per head or per
            neuron; for ``layers`` one, while all other layers are there.
        order: For ``layers``, those that can go, counted from 0, in the order in which they go.
        combine: For ``layers``, how the languages became one at each removal, which `order` depends on.
        activations: For each layer, the mean of what the units give to the linear layer behind them, shape (its
            inputs,): over a language's tokens, then over the languages, each alike. Empty for ``layers``.
    """

    kind: UnitKind
    method: Literal["taylor", "gradient", "ablation"]
    texts: Mapping[str, int]
    by_language: Mapping[str, ByLayer]
    order: tuple[int, ...] = ()
    combine: Combine | None = None
    activations: ByLayer = ()


def no_texts() -> RecipeError:
    """Nothing is there to measure importance on."""
    return RecipeError(
        "Importance is measured on texts, and there are none.",
        "Give texts of the training split, labelled or not: --calibration FILE, or the key calibration in a config "
        "file.",
    )


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Texts of all languages in one row.

    Attributes:
        rows: Token ids per text.
        tags: The language of each as its place in `languages`, shape (texts,).
        languages: Those that have texts, in alphabetical order.
    """

    rows: tuple[TokenIds, ...]
    tags: NDArray[np.int64]
    languages: tuple[str, ...]

    @classmethod
    def of(cls, rows: Rows) -> "Texts":
        """Raises RecipeError where there is none."""
        languages = tuple(sorted(tag for tag, own in rows.items() if len(own)))
        if not languages:
            raise no_texts()
        tags = np.repeat(np.arange(len(languages)), [len(rows[tag]) for tag in languages])
        return cls(tuple(row for tag in languages for row in rows[tag]), tags, languages)

    @property
    def counts(self) -> dict[str, int]:
        """Number of texts by language."""
        return {tag: int(count) for tag, count in zip(self.languages, np.bincount(self.tags), strict=True)}

    def means(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mean over each language's texts of values of shape (texts, n): shape (languages, n)."""
        sums = np.zeros((len(self.languages), *values.shape[1:]))
        np.add.at(sums, self.tags, values)
        return sums / np.bincount(self.tags)[:, None]


def measure_units(
    model: TextClassifier,
    kind: Literal["heads", "ffn"],
    method: Literal["taylor", "gradient"],
    rows: Rows,
    *,
    batch_tokens: int = DEFAULT_BATCH_TOKENS,
    on_batch: Told | None = None,
) -> Scores:
    """Measure how much each head or neuron matters to the answers, by one backward pass per batch.

    A text's loss is the margin of the model's own answer: its logit less the largest of the others. Unlike the
    cross-entropy against that answer, its gradient does not vanish where the model is sure. A unit's score is the mean
    over a language's texts of ``|sum(a * dL/da)|`` (``taylor``: for heads Michel et al., 2019, eq. 2; for neurons
    Molchanov et al., 2019) or of ``sum(|dL/da|)`` (``gradient``), over the text's tokens and the unit's activations
    ``a``: its inputs to the linear layer behind the attention, or to that out of the feed-forward block.

    Args:
        model: Left as it is; what is needed beside it is memory for one batch's activations and their gradients.
        kind: Heads or neurons.
        method: How.
        rows: At least one text.
        batch_tokens: Largest number of tokens in a batch, padding included; a longer text goes alone.
        on_batch: Told of progress.

    Raises:
        RecipeError: There is no text.
        ModelError: The model's family is not known, or its logits are not finite.
    """
    texts = Texts.of(rows)
    module = view_of(model.module)
    watch = UnitWatch(method, len(texts.languages))
    _attach(watch, module, kind)
    done = 0
    for batch in token_batches(texts.rows, model.pad_id, batch_tokens):
        watch.turn_to(texts.tags[batch.positions], torch.from_numpy(batch.attention_mask))
        with torch.enable_grad():
            own_margins(logits_of(module, batch)).backward()  # type: ignore[no-untyped-call]
        done += len(batch.positions)
        if on_batch is not None:
            on_batch(done)
    counts = np.bincount(texts.tags)[:, None]
    means = [sums / counts for sums in watch.sums]
    by_language = {tag: tuple(mean[place] for mean in means) for place, tag in enumerate(texts.languages)}
    return Scores(kind, method, texts.counts, by_language, activations=watch.means())


def own_margins(logits: Tensor) -> Tensor:
    """The sum over texts of the largest logit less the second largest; logits of shape (texts, labels)."""
    best = logits.topk(2).values
    return (best[:, 0] - best[:, 1]).sum()


def view_of(module: PreTrainedModel) -> PreTrainedModel:
    """A module of its own around the same weights, which need no gradient in it: hooks on it leave the model alone."""
    held: dict[int, Tensor] = {id(each): each for each in module.buffers()}
    for weight in module.parameters():
        held[id(weight)] = nn.Parameter(weight.detach(), requires_grad=False)
    view: PreTrainedModel = copy.deepcopy(module, held)
    view.eval()
    return view


def logits_of(module: PreTrainedModel, batch: Batch) -> Tensor:
    """The logits of a batch, shape (texts, labels).

    Raises:
        ModelError: Some are not finite.
    """
    output = module(input_ids=torch.from_numpy(batch.input_ids), attention_mask=torch.from_numpy(batch.attention_mask))
    logits: Tensor = output.logits
    if not bool(torch.isfinite(logits).all()):
        raise ModelError(
            "Some logits are not finite (NaN or infinity) on the texts for importance.",
            "The model itself fails there: check its weights and its answers.",
        )
    return logits


def save_scores(scores: Scores, path: Path, key: str) -> None:
    """Write scores to a safetensors file.

    Args:
        scores: What was measured.
        path: The file; replaced where it is there.
        key: What they belong to: whatever they depend on.

    Raises:
        StorageError: The disk is full or the place not writable.
    """
    tensors = {
        f"{tag}/{place}": np.ascontiguousarray(layer)
        for tag, layers in scores.by_language.items()
        for place, layer in enumerate(layers)
    }
    tensors |= {f"activations/{place}": values for place, values in enumerate(scores.activations)}
    facts: dict[str, object] = {
        "kind": scores.kind,
        "method": scores.method,
        "texts": dict(scores.texts),
        "order": scores.order,
        "combine": scores.combine,
        "layers": len(next(iter(scores.by_language.values()))),
        "activations": len(scores.activations),
    }
    with file_atomically(path) as temporary:
        save_file(tensors, temporary, metadata={"key": key, "scores": json.dumps(facts)})


def load_scores(path: Path, key: str) -> Scores | None:
    """The scores in a file; None where there is none, it is damaged, or it holds those of another key."""
    try:
        with safe_open(path, framework="numpy") as stored:
            metadata = stored.metadata() or {}
            if metadata.get("key") != key:
                return None
            facts = json.loads(metadata["scores"])
            by_language = {
                tag: tuple(stored.get_tensor(f"{tag}/{place}") for place in range(facts["layers"]))
                for tag in facts["texts"]
            }
            order = tuple(map(int, facts["order"]))
            means = tuple(stored.get_tensor(f"activations/{place}") for place in range(facts["activations"]))
            return Scores(facts["kind"], facts["method"], facts["texts"], by_language, order, facts["combine"], means)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None


@dataclass(slots=True)
class UnitWatch:
    """Sums the scores of heads or neurons over the batches that run backwards.

    Attributes:
        method: How units are scored.
        languages: Number of languages.
        tags: The language of each text of the batch that runs, shape (texts,).
        tokens: 1 for its tokens, 0 for its padding, shape (texts, length).
        sums: For each layer, shape (languages, units).
        seen: Tokens by language, shape (languages,).
        totals: For each layer, the activations' sums over the tokens, shape (languages, inputs).
    """

    method: Literal["taylor", "gradient"]
    languages: int
    tags: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    tokens: Tensor = field(default_factory=lambda: torch.zeros(0, 0))
    sums: list[NDArray[np.float64]] = field(default_factory=list)
    seen: NDArray[np.float64] = field(init=False)
    totals: list[NDArray[np.float64]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.seen = np.zeros(self.languages)

    def turn_to(self, tags: NDArray[np.int64], tokens: Tensor) -> None:
        """The batch that runs next."""
        self.tags, self.tokens = tags, tokens
        np.add.at(self.seen, tags, tokens.sum(dim=1).double().numpy())

    def means(self) -> ByLayer:
        """The mean activations of each layer: over a language's tokens, then over the languages."""
        return tuple((totals / self.seen[:, None]).mean(axis=0) for totals in self.totals)

    def attach(self, layer: nn.Linear, units: int) -> None:
        """Watch the inputs of a linear layer, which belong to so many units of equal width, one after the other."""
        place = len(self.sums)
        self.sums.append(np.zeros((self.languages, units)))
        self.totals.append(np.zeros((self.languages, layer.in_features)))

        def watched(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            first = inputs[0] if inputs[0].requires_grad else inputs[0].detach().requires_grad_()
            first.register_hook(partial(self._add, place, first.detach()))  # type: ignore[no-untyped-call]
            return (first, *inputs[1:])

        layer.register_forward_pre_hook(watched)

    def _add(self, place: int, values: Tensor, gradient: Tensor) -> None:
        held = (values * self.tokens[..., None]).sum(dim=1)
        np.add.at(self.totals[place], self.tags, held.double().numpy())
        each = gradient.abs() if self.method == "gradient" else values * gradient
        by_text = (each * self.tokens[..., None]).sum(dim=1)
        by_unit = by_text.view(len(by_text), self.sums[place].shape[1], -1).sum(dim=2)
        np.add.at(self.sums[place], self.tags, by_unit.abs().double().numpy())


def _attach(watch: UnitWatch, module: PreTrainedModel, kind: Literal["heads", "ffn"]) -> None:
    for block in blocks_of(module):
        name, count = (block.attention_output, heads_of) if kind == "heads" else (block.ffn_output, neurons_of)
        output = module.get_submodule(name)
        if not isinstance(output, nn.Linear):
            raise ModelError(
                f"{name} is a {type(output).__name__}, not a linear layer.", "Prune the unquantized model."
            )
        watch.attach(output, count(module, block))
