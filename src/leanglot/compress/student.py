"""Makes the student of a distillation: from the teacher's own layers, or smaller and with new weights."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, PretrainedConfig, PreTrainedModel

from leanglot.compress.slicing import drop_layers
from leanglot.errors import RecipeError
from leanglot.models.sliced import STRUCTURE_KEY, record_structure
from leanglot.models.structure import blocks_of, neurons_key
from leanglot.models.text_classifier import TextClassifier
from leanglot.quiet import quiet_transformers
from leanglot.results.shaping import PruningFacts
from leanglot.techniques.distillation import Student

_SIZES: Final = {"hidden": "hidden_size", "heads": "num_attention_heads", "layers": "num_hidden_layers"}


def with_own_weights(model: TextClassifier) -> TextClassifier:
    """A copy of which every weight can be trained without touching the model's."""
    return replace(model, module=copy.deepcopy(model.module))


def from_layers(model: TextClassifier, config: Student) -> TextClassifier:
    """A student of some of the model's layers, chosen by their places.

    Args:
        model: Left as it is.
        config: How many, and which; not by importance.

    Raises:
        RecipeError: It asks for more layers than there are.
        ModelError: The model's family is not known.
    """
    total = len(blocks_of(model.module))
    keep = chosen_layers(model.name, total, config)
    student = with_own_weights(drop_layers(model, keep))
    facts = PruningFacts(
        technique="layers",
        target=None,
        actual=1 - len(keep) / total,
        removed=total - len(keep),
        total=total,
        kept_by_layer=tuple(keep),
    )
    return replace(student, pruning=(*student.pruning, facts)) if len(keep) < total else student


def chosen_layers(name: str, total: int, config: Student) -> list[int]:
    """The layers that a student is made of, counted from 0, ascending; by places, not by importance.

    Raises:
        RecipeError: It asks for more layers than there are, or than every second is.
    """
    count = total if config.layers is None else config.layers
    if count > total:
        raise RecipeError(
            f"The student is to have {count} layers of {name}, which has {total}.",
            f"Allowed are 1 to {total}; a deeper student needs sizes (hidden, heads or ffn) and wider: true (--wider).",
        )
    if config.take == "first":
        return list(range(count))
    if config.take == "last":
        return list(range(total - count, total))
    if config.take == "alternate":
        stride, most = (total - 1) // max(count - 1, 1), -(-total // 2)
        if most < count < total:
            raise RecipeError(
                f"Every second layer of {name}, which has {total}, gives {most} at most, not {count}.",
                "Set take: spread for more than half of them.",
            )
        return [layer * stride for layer in range(count)]
    return [round(layer * (total - 1) / max(count - 1, 1)) for layer in range(count)]


def from_sizes(model: TextClassifier, config: Student, seed: int) -> TextClassifier:
    """A student of the model's family with other sizes and new weights.

    The embeddings are the model's; in a narrower student, their components along the directions in which the token
    table has the most weight (its largest right singular vectors), so that the sums of token, position and type
    embeddings stay sums.

    Args:
        model: Left as it is.
        config: The sizes.
        seed: Seed of the new weights.

    Raises:
        RecipeError: A size is above the model's and may not be, or the heads do not divide the width.
        ModelError: The model's family is not known.
    """
    blocks_of(model.module)
    settings = _settings(model, config)
    with torch.random.fork_rng(), quiet_transformers():
        torch.manual_seed(seed)
        module: PreTrainedModel = AutoModelForSequenceClassification.from_config(
            settings, dtype=torch.float32, trust_remote_code=False
        )
    record_structure(module)
    _take_embeddings(model.module, module)
    return replace(model, module=module.eval(), pruning=())


def _settings(model: TextClassifier, config: Student) -> PretrainedConfig:
    """The model's config with the student's sizes."""
    settings = copy.deepcopy(model.module.config)
    names = {**_SIZES, "ffn": neurons_key(model.module)}
    asked = {kind: value for kind in names if (value := getattr(config, kind)) is not None}
    if config.hidden is not None and config.ffn is None:
        asked["ffn"] = max(round(getattr(settings, names["ffn"]) * config.hidden / settings.hidden_size), 1)
    for kind, value in asked.items():
        own = int(getattr(settings, names[kind]))
        if value > own and not config.wider:
            raise RecipeError(
                f"The student is to have {kind}: {value}, and {model.name} has {own}.",
                "Give less, or set wider: true (--wider) if a student larger than its teacher is meant.",
            )
        setattr(settings, names[kind], value)
    if settings.hidden_size % settings.num_attention_heads:
        raise RecipeError(
            f"A width of {settings.hidden_size} cannot be shared out over {settings.num_attention_heads} heads.",
            "Give hidden as a multiple of heads.",
        )
    if hasattr(settings, STRUCTURE_KEY):
        delattr(settings, STRUCTURE_KEY)
    if getattr(settings, "layer_types", None):
        settings.layer_types = settings.layer_types[: settings.num_hidden_layers]
    return settings


def _take_embeddings(teacher: PreTrainedModel, student: PreTrainedModel) -> None:
    """Copy the tables of embeddings, brought to the student's width."""
    tables = {name: layer for name, layer in teacher.named_modules() if isinstance(layer, nn.Embedding)}
    token_table = max(tables.values(), key=lambda layer: layer.num_embeddings).weight.detach()
    width = int(student.config.hidden_size)
    basis = None if width >= token_table.shape[1] else _directions(token_table, width)
    for name, layer in student.named_modules():
        source = tables.get(name)
        if not isinstance(layer, nn.Embedding) or source is None or source.num_embeddings != layer.num_embeddings:
            continue
        rows = source.weight.detach()
        values = rows if basis is None else rows @ basis
        with torch.no_grad():
            layer.weight.zero_()
            layer.weight[:, : values.shape[1]] = values[:, : layer.weight.shape[1]]


def _directions(table: Tensor, count: int) -> Tensor:
    """The largest right singular vectors of a table, shape (width, count)."""
    vectors: Tensor = torch.linalg.eigh(table.T.double() @ table.double())[1]
    return vectors.flip(1)[:, :count].to(table.dtype)


def check_labels(teacher: Sequence[str], student: Sequence[str]) -> list[int]:
    """Where each of the student's labels stands among the teacher's.

    Raises:
        RecipeError: The two do not answer with the same labels.
    """
    if set(teacher) != set(student):
        odd = {"teacher": sorted(set(teacher) - set(student)), "student": sorted(set(student) - set(teacher))}
        only = [f"only the {who}: {', '.join(labels[:5])}" for who, labels in odd.items() if labels]
        raise RecipeError(
            f"Teacher and student answer with different labels ({'; '.join(only)}).",
            "Give a student with the teacher's labels: id2label in its config.json.",
        )
    return [list(teacher).index(label) for label in student]
