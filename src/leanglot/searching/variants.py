"""The sparsities of a model that a search may try, and the pruning step of each."""

from typing import Final

from leanglot.models.structure import blocks_of, heads_of, neurons_of
from leanglot.models.text_classifier import TextClassifier
from leanglot.results.sparsity import SearchKind
from leanglot.techniques import FfnPruning, HeadPruning, LayerPruning, MagnitudePruning, ModelStep
from leanglot.techniques.pruning import Importance

_STEPS: Final = 100  # a sparsity is found to one of a hundred, or to a whole head, layer or group of neurons


def levels_of(model: TextClassifier, kind: SearchKind) -> tuple[float, ...]:
    """The sparsities that may be tried, ascending, none of them 0.

    Single weights go by hundredths, heads and layers by whole ones, neurons by whole groups of `FfnPruning.multiple`;
    each at least a hundredth apart where there are 200 or more. A layer keeps one head and one group of neurons, the
    model one layer.

    Raises:
        ModelError: The model has no layers of a known form; says what was looked for.
    """
    if kind == "magnitude":
        return _shares(_STEPS, _STEPS - 1)
    blocks = blocks_of(model.module)
    if kind == "layers":
        return _shares(len(blocks), min(len(blocks) - 1, sum(block.removable for block in blocks)))
    if kind == "heads":
        heads = [heads_of(model.module, block) for block in blocks]
        return _shares(sum(heads), sum(heads) - len(heads))
    group = FfnPruning(sparsity=0).multiple
    neurons = [neurons_of(model.module, block) for block in blocks]
    return _shares(sum(neurons), sum(max(0, number - group) for number in neurons), group)


def _shares(total: int, most: int, unit: int = 1) -> tuple[float, ...]:
    """Shares of a total up to the most that can go, in steps of whole units."""
    step = unit * max(1, total // (_STEPS * unit))
    counts = sorted({*range(step, most + 1, step), most} - {0})
    return tuple(count / total for count in counts)


def step_of(kind: SearchKind, sparsity: float, importance: Importance) -> ModelStep:
    """The pruning step of a kind at a sparsity."""
    match kind:
        case "magnitude":
            return MagnitudePruning(sparsity=sparsity)
        case "heads":
            return HeadPruning(sparsity=sparsity, importance=importance)
        case "ffn":
            return FfnPruning(sparsity=sparsity, importance=importance)
        case "layers":
            return LayerPruning(sparsity=sparsity, importance=importance)
