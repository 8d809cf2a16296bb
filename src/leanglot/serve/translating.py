"""The plain endpoints of a model that translates: texts and languages in, translations out, and references later."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from starlette.responses import Response

from leanglot.errors import DataError
from leanglot.monitor.log_fields import quality_label
from leanglot.results.monitor_baseline import TRANSLATED
from leanglot.serve.answering import LONGEST_TAG, Answering
from leanglot.serve.answers import Answer
from leanglot.serve.documenting import documented
from leanglot.serve.errors import JSON, Refusal
from leanglot.serve.predicting import Text
from leanglot.serve.references import Hypotheses, sentence_chrf
from leanglot.serve.translator_engine import KnowsPairs

Languages = Annotated[list[str | None], Field(fail_fast=True)] | str | None
PairsOf = Callable[[Sequence[str | None], Sequence[str | None]], list[str]]
"""Takes the tags of source and target languages of texts; gives those of their pairs, or raises `Refusal`."""


class TranslateRequest(BaseModel):
    """Texts to translate.

    Attributes:
        texts: One or more, none of them empty. Those that are longer than the model reads are split by sentence.
        target: A BCP 47 tag of the language to translate into, for all texts or for each; may be left out where the
            model knows one alone.
        source: The same of the language that the texts are in; may be left out where the model needs no telling.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    texts: list[Text] = Field(fail_fast=True, examples=[["turn off the light", "close the door"]])
    target: Languages = Field(default=None, examples=["de", ["de", "fr"]])
    source: Languages = Field(default=None, examples=["en"])


class TranslationBody(BaseModel):
    """The translation of one text.

    Attributes:
        id: Identifier, by which ``/references`` takes a right translation once one is known.
        translation: The translation.
        pair: Tag of the language pair.
        confidence: Geometric mean of its tokens' probabilities.
        failure: What seems to be wrong with it, as far as that can be seen without a reference: ``empty``,
            ``unfinished``, ``copied``, ``repetition`` or ``wrong-language``; null where nothing is seen.
        tokens: Number of its tokens.
        parts: Into how many pieces the text was split because it was too long for the model.
        cut: Whether a sentence was too long by itself, and was cut between words.
        variant: Name of the artifact that answered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    translation: str
    pair: str
    confidence: float
    failure: str | None
    tokens: int
    parts: int
    cut: bool
    variant: str


class TranslateResponse(BaseModel):
    """The translations of the texts of a request, in their order.

    Attributes:
        model: Name of the artifact.
        translations: One for each text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    translations: list[TranslationBody]


class ReferenceRequest(BaseModel):
    """A right translation of an earlier text.

    Attributes:
        id: The translation's identifier.
        reference: A right translation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: str = Field(min_length=1, max_length=200)
    reference: Text


class ReferenceResponse(BaseModel):
    """A reference was compared and taken note of.

    Attributes:
        chrf: chrF2 of the translation against it, as a fraction.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    chrf: float


def pairs_by(engine: KnowsPairs) -> PairsOf:
    """How the languages of requests become pairs; what is wrong with two of them is remembered too."""

    @lru_cache(maxsize=4096)
    def find(source: str | None, target: str | None) -> tuple[str, str | None]:
        try:
            return engine.pair_of(source, target), None
        except DataError as error:
            return "", f"{error.message} {error.hint}".strip()

    def short(tag: str | None) -> str | None:
        return None if tag is None else tag[: LONGEST_TAG + 1]

    def pairs_of(sources: Sequence[str | None], targets: Sequence[str | None]) -> list[str]:
        if len(sources) != len(targets):
            message = (
                f"There are {len(sources)} source languages and {len(targets)} target languages; give one for each."
            )
            raise Refusal(422, message)
        pairs = []
        for position, (source, target) in enumerate(zip(sources, targets, strict=True)):
            pair, fault = find(short(source), short(target))
            if fault is not None:
                raise Refusal(422, f"Text {position}: {fault}")
            pairs.append(pair)
        return pairs

    return pairs_of


def translate_router(answering: Answering, pairs_of: PairsOf, kept: Hypotheses) -> APIRouter:
    """The endpoints ``/translate`` and ``/references``.

    Args:
        answering: Answers; tells what it answered to `kept`.
        pairs_of: From `pairs_by`.
        kept: The newest translations.
    """
    router = APIRouter(tags=["plain"])
    name = answering.batcher.engine.name

    @router.post("/translate", **documented(TranslateRequest, TranslateResponse, busy=True))
    async def translate(request: Request) -> Response:
        """Translate texts."""
        answering.check_room()
        asked = await answering.read(request, TranslateRequest)
        answering.check(asked.texts)
        count = len(asked.texts)
        sources, targets = _spread(asked.source, count, "source"), _spread(asked.target, count, "target")
        pairs = pairs_of(sources, targets)
        answers = await answering.answer(request, asked.texts, pairs)
        return Response(to_json({"model": name, "translations": [_body(each) for each in answers]}), media_type=JSON)

    @router.post("/references", **documented(ReferenceRequest, ReferenceResponse, status=202, missing=True))
    async def references(request: Request) -> Response:
        """Tell a right translation of an earlier text, so that the quality can be watched."""
        told = await answering.read(request, ReferenceRequest)
        answering.check([told.reference])
        translation = kept.take(told.id)
        if translation is None:
            message = (
                "No translation with this id is kept: the newest 10,000 of this server are, for one reference each."
            )
            raise Refusal(404, message)
        chrf = sentence_chrf(translation, told.reference)
        answering.telemetry.labelled(told.id, quality_label(chrf))
        return Response(to_json({"chrf": chrf}), 202, media_type=JSON)

    return router


def refusing_router(paths: Sequence[str], message: str) -> APIRouter:
    """Endpoints of another kind of model, which say where to ask instead; the document does not name them."""
    router = APIRouter(include_in_schema=False)

    async def refuse() -> Response:
        raise Refusal(404, message)

    for path in paths:
        router.add_api_route(path, refuse, methods=["POST"])
    return router


def _spread(told: list[str | None] | str | None, count: int, name: str) -> Sequence[str | None]:
    """A tag for each text.

    Raises:
        Refusal: There are not as many as texts.
    """
    if not isinstance(told, list):
        return [told] * count
    if len(told) != count:
        raise Refusal(422, f"There are {count} texts and {len(told)} under {name}; give one for each, or one for all.")
    return told


def _body(answer: Answer) -> dict[str, Any]:
    translation = answer.translation
    if translation is None:
        raise TypeError("the engine gave no translation")
    return {
        "id": answer.id,
        "translation": translation.text,
        "pair": answer.language,
        "confidence": answer.confidence,
        "failure": failure_of(answer) or None,
        "tokens": translation.tokens,
        "parts": translation.parts,
        "cut": translation.cut,
        "variant": answer.variant,
    }


def failure_of(answer: Answer) -> str:
    """What seems to be wrong with a translation; empty where nothing is seen."""
    return "" if answer.label == TRANSLATED else answer.label
