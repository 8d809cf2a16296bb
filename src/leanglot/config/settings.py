"""The settings of a run: what they are, their defaults and their limits."""

import re
import reprlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from leanglot.config.costs import Costs
from leanglot.config.deciding import RoutingConfig, SearchConfig
from leanglot.config.logs import LogConfig
from leanglot.techniques import (
    FfnPruning,
    HeadPruning,
    Int8,
    MagnitudePruning,
    MetricName,
    Recipe,
    Runtime,
    Task,
    TrimVocabulary,
)
from leanglot.techniques.support import recipe_fault, task_fault
from leanglot.techniques.targets import TargetIsa

BASELINE_NAME: Final = "pytorch-fp32"

_RESERVED_BY_WINDOWS: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def name_fault(name: str) -> str | None:
    """Says what makes a name unfit for a folder on any file system.

    Args:
        name: Name of a candidate or a run.

    Returns:
        What is allowed; None when the name is fit.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name) or name.endswith("."):
        return "allowed are up to 64 of a-z A-Z 0-9 . _ - with a letter or digit first and no dot last"
    if _RESERVED_BY_WINDOWS.fullmatch(name):
        return "the name is reserved on Windows"
    return None


def _folder_name(name: str) -> str:
    if (fault := name_fault(name)) is not None:
        raise ValueError(f"{reprlib.repr(name)} cannot name a folder: {fault}")
    return name


class Columns(BaseModel):
    """Names of the columns of the labelled data.

    Attributes:
        text: What a classifier reads.
        label: The right answer: a label name or an integer id.
        language: BCP 47 tag of the text.
        source: What is translated; this and the next three are for ``task: translation``.
        target: A right translation.
        source_language: BCP 47 tag of the source.
        target_language: BCP 47 tag of the translation.
        group: Cluster the text came from, such as a template or a document. None takes the column ``group``
            where there is one, ``none`` does not.
        split: Part of the data a row belongs to; only ``test`` and ``validation`` are judged. None takes the
            column ``split`` where there is one, ``none`` does not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = Field(default="text", min_length=1)
    label: str = Field(default="label", min_length=1)
    language: str = Field(default="language", min_length=1)
    source: str = Field(default="source", min_length=1)
    target: str = Field(default="target", min_length=1)
    source_language: str = Field(default="source_language", min_length=1)
    target_language: str = Field(default="target_language", min_length=1)
    group: str | None = Field(default=None, min_length=1)
    split: str | None = Field(default=None, min_length=1)


class DataConfig(BaseModel):
    """The labelled data that candidates are judged on.

    Attributes:
        path: A .jsonl, .ndjson, .json, .csv, .tsv or .parquet file.
        columns: Names of its columns.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    columns: Columns = Columns()


class CandidateConfig(BaseModel):
    """One variant to make, measure and judge.

    Attributes:
        name: Unique name, which is also its folder's.
        runtime: What executes it.
        recipe: The steps that make it, in order; empty for a plain export.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, AfterValidator(_folder_name)]
    runtime: Runtime = "onnxruntime"
    recipe: Recipe = ()

    @model_validator(mode="after")
    def _possible(self) -> "CandidateConfig":
        if (fault := recipe_fault(self.recipe, self.runtime)) is not None:
            raise ValueError(fault)
        return self


class TranslationConfig(BaseModel):
    """How translations are made and judged.

    Attributes:
        metric: What the verdicts are in: ``chrf``, which needs no tokenizer and suits every script, or ``bleu``.
        beam: Beam width; 1 is greedy, None takes the model's own.
        length_penalty: Exponent of the length that a beam's score is divided by; None takes the model's own.
        max_tokens: Most tokens of a translation; None takes the model's limit.
        cache: Keep keys and values of earlier tokens; off, PyTorch is measured as a user without it would run it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: MetricName = "chrf"
    beam: int | None = Field(default=None, strict=True, ge=1, le=32)
    length_penalty: float | None = Field(default=None, ge=0, le=10)
    max_tokens: int | None = Field(default=None, strict=True, ge=2, le=4096)
    cache: bool = Field(default=True, strict=True)


class RepairConfig(BaseModel):
    """How far a quantized candidate that harms a language is repaired.

    Attributes:
        layers: Most layers that are put back to FP32.
        seconds: Time after which no further variant is started.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: int = Field(default=8, strict=True, ge=1)
    seconds: float = Field(default=900.0, gt=0)


def _default_candidates() -> tuple[CandidateConfig, ...]:
    int8 = Int8(embeddings=True)
    pruned = MagnitudePruning(sparsity=0.3)
    recipes: dict[str, Recipe] = {
        "onnx-fp32": (),
        "int8": (Int8(embeddings=False),),
        "int8-embeddings": (int8,),
        "pruned-30": (pruned,),
        "pruned-30-int8": (pruned, int8),
    }
    return tuple(CandidateConfig(name=name, recipe=recipe) for name, recipe in recipes.items())


DEFAULT_CANDIDATES: Final = _default_candidates()
TRIMMED_CANDIDATES: Final = (
    CandidateConfig(name="trimmed", recipe=(TrimVocabulary(),)),
    CandidateConfig(name="trimmed-int8", recipe=(TrimVocabulary(), Int8(embeddings=True))),
)
SLIM_CANDIDATES: Final = (
    CandidateConfig(
        name="slim-int8",
        recipe=(TrimVocabulary(), HeadPruning(sparsity=0.2), FfnPruning(sparsity=0.2), Int8(embeddings=True)),
    ),
)


TRANSLATION_CANDIDATES: Final = (
    CandidateConfig(name="onnx-fp32"),
    CandidateConfig(name="onnx-int8", recipe=(Int8(embeddings=True),)),
    CandidateConfig(name="ctranslate2-fp32", runtime="ctranslate2"),
    CandidateConfig(name="ctranslate2-int8", runtime="ctranslate2", recipe=(Int8(),)),
)


def _usual_candidates(validated: dict[str, Any]) -> tuple[CandidateConfig, ...]:
    """Texts that show what is used allow for more: a vocabulary, then heads and neurons that are not."""
    if validated["task"] == "translation":
        return TRANSLATION_CANDIDATES
    trimmed = () if validated["corpus"] is None else TRIMMED_CANDIDATES
    slim = SLIM_CANDIDATES if trimmed and validated["calibration"] is not None else ()
    return (*DEFAULT_CANDIDATES, *trimmed, *slim)


def _unique(candidates: tuple[CandidateConfig, ...]) -> tuple[CandidateConfig, ...]:
    if not candidates:  # Told here, because a length limit would also complain when all items are wrong.
        raise ValueError("at least one candidate is needed; without this key there are five usual ones, or more")
    if (fault := repeated_names([candidate.name for candidate in candidates])) is not None:
        raise ValueError(fault)
    return candidates


class RecipeFile(BaseModel):
    """A file of candidates alone, to be tried on any model.

    Attributes:
        candidates: The variants; see `RunConfig`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidates: Annotated[tuple[CandidateConfig, ...], AfterValidator(_unique)]


def repeated_names(names: Sequence[str]) -> str | None:
    """Says which candidate names repeat, the baseline's included, whatever their letter case.

    Args:
        names: The names of a run's candidates, without the baseline's.

    Returns:
        The fault; None when all names differ.
    """
    # Folders whose names differ only in case are one and the same on macOS and Windows.
    counts = Counter([BASELINE_NAME, *(name.casefold() for name in names)])
    repeated = sorted(name for name, count in counts.items() if count > 1)
    taken = f" ({BASELINE_NAME} is the baseline, always added)" if BASELINE_NAME in repeated else ""
    return f"names must differ, but these repeat: {', '.join(repeated)}{taken}" if repeated else None


def _data_from_path(value: object) -> object:
    return {"path": value} if isinstance(value, str | Path) else value


def _default_output(validated: dict[str, Any]) -> Path:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(validated["model"]).name).strip("-._")[:64]
    return Path("runs") / (name if name_fault(name) is None else "model")


class RunConfig(BaseModel):
    """All settings of ``leanglot optimize``.

    Attributes:
        model: A model folder, or the name of a model on the hub.
        data: The labelled data; a path alone stands for its file with the usual column names.
        output: The run folder; ``runs/<model name>`` when not given.
        margin: Largest drop per language that counts as harmless, as a fraction: 0.01 is one point.
        alpha: Error level of the tests.
        threads: Threads for each runtime; None takes one per physical core.
        seed: Seed of everything that is drawn at random.
        max_length: Longest input in tokens; None takes the model's own limit.
        batch_tokens: Tokens per batch, padding included, where throughput and quality are measured.
        limit_per_language: Most examples per language, drawn evenly over labels and groups; None takes all.
        strict: Recommend certified candidates only.
        allow_pickle: Load pickled weights, which can run code; off, safetensors only.
        target_isa: Instruction set of the machine that the candidates are made for; None takes this one's.
        calibration: Texts that activation ranges and importance are taken from, where a candidate needs them: a file
            like ``data``, whose labels may be missing. None takes those of ``training``, else the training split of
            ``data``.
        corpus: Texts that show which pieces of the vocabulary each language uses, such as a log of what the model was
            asked; labels may be missing. None takes those of ``calibration`` or ``training``, judged or not.
        training: Examples that candidates are trained on, where a recipe trains: a file like ``data``, whose labels may
            be missing in part. None takes the training split of ``data``. None of them is judged.
        repair: Put layers of quantized candidates that harm a language back to FP32; None leaves them as they are.
        task: What the model does.
        translation: How translations are made and judged, for ``task: translation``.
        candidates: The variants to try. The baseline, plain PyTorch in FP32, is always added.
        steps: Measure candidates of several steps after each of them too, and show what each step did.
        costs: What predictions and errors cost; None leaves the candidates without prices.
        search: Search recipes in place of trying ``candidates``; None tries these.
        routing: Spread the languages over candidates and write an artifact that routes; None leaves that out.
        log: Where the run is logged besides its own folder; None logs it nowhere else.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(min_length=1)
    data: Annotated[DataConfig, BeforeValidator(_data_from_path)]
    output: Path = Field(default_factory=_default_output)
    margin: float = Field(default=0.01, gt=0, lt=1)
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    threads: int | None = Field(default=None, strict=True, ge=1, le=1024)
    seed: int = Field(default=0, strict=True, ge=0, lt=2**32)
    max_length: int | None = Field(default=None, strict=True, ge=4)
    batch_tokens: int = Field(default=1024, strict=True, ge=1)
    limit_per_language: int | None = Field(default=None, strict=True, ge=1)
    strict: bool = Field(default=False, strict=True)
    allow_pickle: bool = Field(default=False, strict=True)
    target_isa: TargetIsa | None = None
    calibration: Annotated[DataConfig | None, BeforeValidator(_data_from_path)] = None
    corpus: Annotated[DataConfig | None, BeforeValidator(_data_from_path)] = None
    training: Annotated[DataConfig | None, BeforeValidator(_data_from_path)] = None
    repair: RepairConfig | None = None
    task: Task = "text-classification"
    translation: TranslationConfig = TranslationConfig()
    candidates: Annotated[tuple[CandidateConfig, ...], AfterValidator(_unique)] = Field(
        default_factory=_usual_candidates
    )
    steps: bool = Field(default=True, strict=True)
    costs: Costs | None = None
    search: SearchConfig | None = None
    routing: RoutingConfig | None = None
    log: LogConfig | None = None

    @model_validator(mode="after")
    def _suits_its_task(self) -> "RunConfig":
        if self.task != "translation" and "translation" in self.model_fields_set:
            raise ValueError("translation says how translations are judged: set task to translation, or leave it out")
        if self.task == "translation" and (self.search is not None or self.repair is not None):
            raise ValueError("search and repair are for classifiers: leave them out")
        for candidate in self.candidates:
            if (fault := task_fault(candidate.recipe, candidate.runtime, self.task)) is not None:
                raise ValueError(f"the candidate {candidate.name}: {fault}")
        return self

    @model_validator(mode="after")
    def _searches_alone(self) -> "RunConfig":
        if self.search is None:
            return self
        if "candidates" in self.model_fields_set:
            raise ValueError("search writes its own recipes: leave out either search or candidates")
        if self.costs is not None and (
            self.costs.infrastructure is None or set(self.costs.monthly_infra) - {BASELINE_NAME}
        ):
            raise ValueError("search makes its own candidates, which monthly_infra cannot name: give infrastructure")
        return self
