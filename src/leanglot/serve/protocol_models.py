"""What the Open Inference Protocol exchanges, for models that classify and models that translate."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from leanglot.serve.answers import Answer
from leanglot.serve.translating import failure_of

Datatype = Literal["BYTES", "FP32"]
Element = str | float | None

_OUTPUTS: Final[Mapping[str, tuple[Datatype, Callable[[Answer], Element]]]] = {
    "label": ("BYTES", lambda answer: answer.label),
    "confidence": ("FP32", lambda answer: answer.confidence),
    "language": ("BYTES", lambda answer: answer.language or ""),
    "variant": ("BYTES", lambda answer: answer.variant),
    "id": ("BYTES", lambda answer: answer.id),
}
_TRANSLATED: Final[Mapping[str, tuple[Datatype, Callable[[Answer], Element]]]] = {
    "translation": ("BYTES", lambda answer: "" if answer.translation is None else answer.translation.text),
    "confidence": ("FP32", lambda answer: answer.confidence),
    "pair": ("BYTES", lambda answer: answer.language or ""),
    "failure": ("BYTES", failure_of),
    "variant": ("BYTES", lambda answer: answer.variant),
    "id": ("BYTES", lambda answer: answer.id),
}


class ServerMetadata(BaseModel):
    """What this server is."""

    name: str
    version: str
    extensions: list[str]


class Live(BaseModel):
    """Whether the process answers."""

    live: bool


class Ready(BaseModel):
    """Whether it can infer."""

    ready: bool


class ModelReady(BaseModel):
    """Whether a model can infer."""

    name: str
    ready: bool


class TensorMetadata(BaseModel):
    """An input or output of a model; -1 stands for any number of texts."""

    name: str
    datatype: Datatype
    shape: list[int]


class ModelMetadata(BaseModel):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class InputTensor(BaseModel):
    """Texts, or their language tags; an empty tag stands for an unknown language."""

    model_config = ConfigDict(frozen=True, strict=True)

    name: Literal["text", "language"]
    shape: list[Annotated[int, Field(ge=0)]] = Field(min_length=1, max_length=2, examples=[[2]])
    datatype: Literal["BYTES"]
    parameters: dict[str, Any] | None = None
    data: list[str | Annotated[list[str], Field(fail_fast=True)]] = Field(
        fail_fast=True, examples=[["schalte das Licht aus", "turn off the light"]]
    )


class RequestedOutput(BaseModel):
    """An output that is wanted."""

    model_config = ConfigDict(frozen=True, strict=True)

    name: Literal["label", "confidence", "language", "variant", "id"]
    parameters: dict[str, Any] | None = None


class InferRequest(BaseModel):
    """Texts to classify, as tensors."""

    model_config = ConfigDict(frozen=True, strict=True)

    id: str | None = Field(default=None, max_length=200)
    parameters: dict[str, Any] | None = None
    inputs: list[InputTensor] = Field(min_length=1, max_length=2)
    outputs: list[RequestedOutput] | None = Field(default=None, max_length=len(_OUTPUTS))


class TranslateInputTensor(BaseModel):
    """Texts, or the tags of their languages and of those to translate into; an empty tag stands for none told."""

    model_config = ConfigDict(frozen=True, strict=True)

    name: Literal["text", "source_language", "target_language"]
    shape: list[Annotated[int, Field(ge=0)]] = Field(min_length=1, max_length=2, examples=[[2]])
    datatype: Literal["BYTES"]
    parameters: dict[str, Any] | None = None
    data: list[str | Annotated[list[str], Field(fail_fast=True)]] = Field(
        fail_fast=True, examples=[["turn off the light", "close the door"]]
    )


class RequestedTranslation(BaseModel):
    """An output that is wanted."""

    model_config = ConfigDict(frozen=True, strict=True)

    name: Literal["translation", "confidence", "pair", "failure", "variant", "id"]
    parameters: dict[str, Any] | None = None


_EXAMPLE: Final = [
    {"name": name, "shape": [1], "datatype": "BYTES", "data": [value]}
    for name, value in (("text", "turn off the light"), ("source_language", "en"), ("target_language", "de"))
]


class TranslateInferRequest(BaseModel):
    """Texts to translate, as tensors."""

    model_config = ConfigDict(frozen=True, strict=True)

    id: str | None = Field(default=None, max_length=200)
    parameters: dict[str, Any] | None = None
    inputs: list[TranslateInputTensor] = Field(min_length=1, max_length=3, examples=[_EXAMPLE])
    outputs: list[RequestedTranslation] | None = Field(default=None, max_length=len(_TRANSLATED))


class Tensor(Protocol):
    """An input as it came."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def shape(self) -> list[int]:
        """Its shape."""
        ...

    @property
    def data(self) -> list[str | list[str]]:
        """Its values."""
        ...


class OutputTensor(BaseModel):
    """One value for each text."""

    name: str
    shape: list[int]
    datatype: Datatype
    data: list[str | float]


class InferResponse(BaseModel):
    """The answers, as tensors."""

    model_name: str
    id: str | None = None
    outputs: list[OutputTensor]


Read = Callable[[Mapping[str, list[str]]], tuple[list[str], list[str | None]]]
"""Takes the values of the inputs by name; gives the texts and a language tag, or a pair's, for each."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a model takes and gives.

    Attributes:
        does: What it does with texts.
        inputs: Names of the inputs, all of datatype ``BYTES``; the texts are the first.
        outputs: Datatype and value of each output by name.
        request: The body of an inference.
        read: Finds out what is asked.
    """

    does: str
    inputs: tuple[str, ...]
    outputs: Mapping[str, tuple[Datatype, Callable[[Answer], Element]]]
    request: type[InferRequest] | type[TranslateInferRequest]
    read: Read


def classification() -> Offer:
    """What a classifier takes and gives."""

    def read(found: Mapping[str, list[str]]) -> tuple[list[str], list[str | None]]:
        texts = found["text"]
        return texts, [tag or None for tag in found.get("language", [""] * len(texts))]

    return Offer("Classify texts.", ("text", "language"), _OUTPUTS, InferRequest, read)


def translation(pairs: Callable[[Sequence[str | None], Sequence[str | None]], list[str]]) -> Offer:
    """What a model that translates takes and gives.

    Args:
        pairs: Takes the tags of all source and all target languages; gives the tags of the pairs.
    """

    def read(found: Mapping[str, list[str]]) -> tuple[list[str], list[str | None]]:
        texts = found["text"]
        nothing = [""] * len(texts)
        told = [[tag or None for tag in found.get(f"{side}_language", nothing)] for side in ("source", "target")]
        return texts, list(pairs(*told))

    names = ("text", "source_language", "target_language")
    return Offer("Translate texts.", names, _TRANSLATED, TranslateInferRequest, read)
