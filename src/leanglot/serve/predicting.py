"""The plain endpoints: texts in, labels out, and labels that become known later."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from starlette.responses import Response

from leanglot.serve.answering import Answering
from leanglot.serve.documenting import documented
from leanglot.serve.errors import JSON, Refusal

# Told in the document alone: an empty text is refused in words of our own.
Text = Annotated[str, Field(json_schema_extra={"minLength": 1, "pattern": r"\S"})]


class PredictRequest(BaseModel):
    """Texts to classify.

    Attributes:
        texts: One or more, none of them empty.
        languages: A BCP 47 tag for each text, null where it is unknown; or one tag for all. A router answers each text
            by the variant of its language, and detects it where it is not told.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    texts: list[Text] = Field(fail_fast=True, examples=[["schalte das Licht aus", "turn off the light"]])
    languages: Annotated[list[str | None], Field(fail_fast=True)] | str | None = Field(
        default=None, examples=[["de", None]]
    )


class PredictionBody(BaseModel):
    """The answer to one text.

    Attributes:
        id: Identifier, by which ``/labels`` takes the right label once it is known.
        label: Most probable class.
        confidence: Its probability.
        language: Language tag that was told or detected; null where nobody knows.
        variant: Name of the artifact that answered.
        truncated: Whether the text was cut at the model's maximum length.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    label: str
    confidence: float
    language: str | None
    variant: str
    truncated: bool


class PredictResponse(BaseModel):
    """The answers to the texts of a request, in their order.

    Attributes:
        model: Name of the artifact or the router.
        predictions: One for each text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    predictions: list[PredictionBody]


class LabelRequest(BaseModel):
    """The right label of an earlier prediction.

    Attributes:
        id: The prediction's identifier.
        label: The right label.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: str = Field(min_length=1, max_length=200)
    label: str = Field(min_length=1, max_length=1_000)


class LabelResponse(BaseModel):
    """A label was taken note of.

    Attributes:
        accepted: Always true.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    accepted: bool


def predict_router(answering: Answering) -> APIRouter:
    """The endpoints ``/predict`` and ``/labels``."""
    router = APIRouter(tags=["plain"])
    engine, telemetry = answering.batcher.engine, answering.telemetry

    @router.post("/predict", **documented(PredictRequest, PredictResponse, busy=True))
    async def predict(request: Request) -> Response:
        """Classify texts."""
        answering.check_room()
        asked = await answering.read(request, PredictRequest)
        tags = asked.languages
        spread = tags if isinstance(tags, list) else [tags] * len(asked.texts)
        answers = await answering.answer(request, asked.texts, spread)
        predictions: list[dict[str, Any]] = [
            {
                "id": answer.id,
                "label": answer.label,
                "confidence": answer.confidence,
                "language": answer.language,
                "variant": answer.variant,
                "truncated": answer.truncated,
            }
            for answer in answers
        ]
        return Response(to_json({"model": engine.name, "predictions": predictions}), media_type=JSON)

    @router.post("/labels", **documented(LabelRequest, LabelResponse, status=202))
    async def labels(request: Request) -> Response:
        """Tell the right label of an earlier prediction, so that the accuracy can be watched."""
        told = await answering.read(request, LabelRequest)
        if engine.labels and told.label not in engine.labels:
            some = ", ".join(engine.labels[:5]) + (", ..." if len(engine.labels) > 5 else "")
            raise Refusal(422, f"The model has no such label; it has {len(engine.labels)}: {some}.")
        telemetry.labelled(told.id, told.label)
        return Response(b'{"accepted":true}', 202, media_type=JSON)

    return router
