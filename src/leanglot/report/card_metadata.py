"""The metadata of a Hugging Face model card: what the hub reads of a candidate, as YAML."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

import yaml

from leanglot.errors import ConfigError, ModelError
from leanglot.languages import split_pair
from leanglot.report.format import language
from leanglot.results.records import Candidate, RunReport
from leanglot.results.terms import METRIC_WORD
from leanglot.techniques import (
    Distillation,
    HalfPrecision,
    Int8,
    MetricName,
    MixedInt8,
    PostTraining,
    QuantizationAware,
    Recipe,
    SequenceDistillation,
    TrimVocabulary,
    WeightOnly,
)
from leanglot.techniques.support import makes_zeros

_MOST_BYTES: Final = 1_000_000
_FRONT: Final = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)
_HUB_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_LICENSE: Final = re.compile(r"[a-z0-9][a-z0-9.-]*")
_DIGITS: Final = 6
_TASK: Final = {"type": "text-classification", "name": "Text Classification"}
_TRANSLATION: Final = {"type": "translation", "name": "Translation"}
_LIBRARIES: Final = {"onnxruntime": "onnx", "openvino": "openvino", "ctranslate2": "ctranslate2"}


@dataclass(frozen=True)
class Origin:
    """What is known of the model that the candidate was made from, beyond the report.

    Attributes:
        base_model: Its name on the hub; None where it has none.
        license: Its licence, as the hub abbreviates it; None where it is not known.
    """

    base_model: str | None = None
    license: str | None = None


def read_origin(folder: Path) -> Origin:
    """What a model folder's own card says of its licence and of the model that it came from.

    Args:
        folder: Holds a README.md with metadata, or not.

    Returns:
        Nothing known where there is no card, or its metadata do not say.

    Raises:
        ModelError: The card is larger than 1 MB, or its metadata are no YAML.
    """
    path = folder / "README.md"
    if not path.is_file():
        return Origin()
    if path.stat().st_size > _MOST_BYTES:
        raise ModelError(f"{path} is larger than {_MOST_BYTES:,} bytes.", "Give --license and --base-model instead.")
    found = _FRONT.match(path.read_text(encoding="utf-8", errors="replace"))
    try:
        values = yaml.safe_load(found.group(1)) if found else None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"The metadata of {path} are no YAML: {told:.200}", "Correct them, or remove them.") from error
    known = values if isinstance(values, dict) else {}
    base, license_name = known.get("base_model"), known.get("license")
    return Origin(base if isinstance(base, str) else None, license_name if isinstance(license_name, str) else None)


def known_origin(folder: Path | None, base_model: str | None, license_name: str | None) -> Origin:
    """What was said of the base model, and else what its own card says.

    Args:
        folder: Folder of the base model.
        base_model: Its name on the hub.
        license_name: Its licence.

    Raises:
        ConfigError: A name is none that the hub knows by form.
        ModelError: There is no such folder, or its card cannot be read.
    """
    if folder is not None and not folder.is_dir():
        raise ModelError(f"There is no model folder {folder}.", "Check the path and the working folder.")
    if base_model is not None and not _HUB_NAME.fullmatch(base_model):
        raise ConfigError(
            f"--base-model {base_model!r:.80} is no name on the hub.", "Such as: FacebookAI/xlm-roberta-base."
        )
    if license_name is not None and not _LICENSE.fullmatch(license_name):
        raise ConfigError(f"--license {license_name!r:.80} is no abbreviation.", "Such as: mit, apache-2.0, other.")
    own = Origin() if folder is None else read_origin(folder)
    return Origin(base_model or own.base_model, license_name or own.license)


def card_metadata(report: RunReport, candidate: Candidate, origin: Origin) -> str:
    """The YAML between the dashes, without them.

    What is not known is left out. Accuracies come by language, in the hub's ``model-index``: one dataset, with the
    language as its configuration.

    Args:
        report: The run.
        candidate: One of its candidates.
        origin: What else is known.
    """
    results = list(_results(report, candidate))
    values: dict[str, Any] = {
        "language": _languages(candidate),
        "license": origin.license,
        "base_model": origin.base_model,
        "library_name": _library(candidate),
        "pipeline_tag": _task(report)["type"],
        "tags": list(_tags(candidate)),
        "metrics": _metric_names(report) if results else [],
        "model-index": [{"name": candidate.name, "results": results}] if results else [],
    }
    kept = {name: value for name, value in values.items() if value}
    text: str = yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=120)
    return text


def _languages(candidate: Candidate) -> list[str]:
    """Two- or three-letter codes, as the hub asks for: without script and region."""
    tags = [side for tag in candidate.languages for side in split_pair(tag) or (tag,)]
    return sorted({tag.split("-")[0] for tag in tags})


def _task(report: RunReport) -> dict[str, str]:
    return _TASK if report.metric is None else _TRANSLATION


def _metric_names(report: RunReport) -> list[str]:
    """The hub's names of the metrics that results are given in."""
    return ["accuracy", "f1"] if report.metric is None else list(get_args(MetricName))


def _library(candidate: Candidate) -> str:
    if candidate.runtime != "pytorch":
        return _LIBRARIES[candidate.runtime]
    quantized = any(isinstance(step, PostTraining) for step in candidate.recipe)
    return "leanglot" if quantized or candidate.pruning else "transformers"


def _tags(candidate: Candidate) -> Iterator[str]:
    yield "leanglot"
    if candidate.runtime != "pytorch":
        yield _LIBRARIES[candidate.runtime]
    if len(candidate.languages) > 1:
        yield "multilingual"
    yield from _techniques(candidate.recipe)


def _techniques(recipe: Recipe) -> Iterator[str]:
    def has(*kinds: type) -> bool:
        return any(isinstance(step, kinds) for step in recipe)

    named = {
        "quantized": has(Int8, MixedInt8, WeightOnly, QuantizationAware),
        "int8": has(Int8, MixedInt8, QuantizationAware),
        "half-precision": has(HalfPrecision),
        "pruned": makes_zeros(recipe)
        or any(step.technique in {"heads", "ffn", "layers", "side-layers"} for step in recipe),
        "distilled": has(Distillation, SequenceDistillation),
        "trimmed-vocabulary": has(TrimVocabulary),
    }
    return (name for name, holds in named.items() if holds)


def _results(report: RunReport, candidate: Candidate) -> Iterator[dict[str, Any]]:
    """Results in the hub's schema, over all languages first; a metric that is not known is left out."""
    source = report.data.source
    dataset = {"type": re.sub(r"[^A-Za-z0-9._-]+", "-", Path(source).stem).strip("-.") or "data"}
    if report.metric is not None:
        yield from _pair_results(report, candidate, dataset)
        return
    overall = _metrics(candidate.accuracy, candidate.macro_f1)
    if overall:
        yield {"task": dict(_TASK), "dataset": {**dataset, "name": f"{source}, all languages"}, "metrics": overall}
    for tag, own in candidate.languages.items():
        if metrics := _metrics(own.candidate, own.macro_f1):
            placed = {**dataset, "name": f"{source}, {language(tag)}", "config": tag}
            yield {"task": dict(_TASK), "dataset": placed, "metrics": metrics}


def _pair_results(report: RunReport, candidate: Candidate, dataset: dict[str, str]) -> Iterator[dict[str, Any]]:
    """ChrF and BLEU of each language pair in points of 100, as the hub's metrics of these names are."""
    pairs = {} if candidate.translation is None else candidate.translation.pairs
    for tag, own in pairs.items():
        values = ((name, getattr(own, name)) for name in get_args(MetricName))
        metrics = [
            {"type": name, "value": round(100 * value, _DIGITS), "name": METRIC_WORD[name]}
            for name, value in values
            if value is not None
        ]
        if metrics:
            placed = {**dataset, "name": f"{report.data.source}, {language(tag)}", "config": tag}
            yield {"task": dict(_TRANSLATION), "dataset": placed, "metrics": metrics}


def _metrics(accuracy: float | None, f1: float | None) -> list[dict[str, Any]]:
    values = (("accuracy", accuracy, "Accuracy"), ("f1", f1, "Macro F1"))
    return [
        {"type": kind, "value": round(value, _DIGITS), "name": name}
        for kind, value, name in values
        if value is not None
    ]
