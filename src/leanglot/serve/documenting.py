"""The OpenAPI document: requests are read and answers written by hand, so their schemas are put in by hand too."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from leanglot.serve.engine import StagedEngine
from leanglot.serve.errors import JSON, ErrorBody
from leanglot.serve.settings import ServeSettings

_TEXTS: Final = ("PredictRequest", "TranslateRequest")
_REFERENCE: Final = "#/components/schemas/{model}"
_SAID: Final = {
    400: "The body is no JSON in UTF-8, or not of the protocol.",
    401: "The token is missing or wrong.",
    404: "There is no such model.",
    413: "The body, the number of texts or a text is too large.",
    415: "The body is not declared as JSON, or compressed, or binary tensors follow it.",
    422: "The body holds something else than it should.",
    500: "The model failed on these texts.",
    503: "The queue is full, or the server is not ready.",
    504: "There was no answer in time.",
}
_RETRY: Final = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}


def documented(
    asked: type[BaseModel],
    answered: type[BaseModel],
    *,
    status: int = 200,
    busy: bool = False,
    named: bool = False,
    missing: bool = False,
) -> dict[str, Any]:
    """What the document says of an endpoint that takes a body, as arguments of FastAPI's route.

    Args:
        asked: The body.
        answered: The answer.
        status: Status code of the answer.
        busy: Whether it needs the engine.
        named: Whether its path names a model.
        missing: Whether it may be asked about what is kept no longer.
    """
    codes = [400, 401, 413, 415, 422, 500, 503, *([504] if busy else []), *([404] if named else [])]
    failures = {code: failure(code) for code in sorted(codes)}
    if missing:
        failures[404] = failure(404) | {"description": "There is no translation with this id any more."}
    return {
        "status_code": status,
        "response_model": answered,
        "responses": failures,
        "openapi_extra": {"requestBody": {"required": True, "content": {JSON: {"schema": _reference(asked)}}}},
    }


def failure(code: int) -> dict[str, Any]:
    """What the document says of a failure."""
    described: dict[str, Any] = {"model": ErrorBody, "description": _SAID[code]}
    return described | ({"headers": _RETRY} if code == 503 else {})


def document(app: FastAPI, asked: tuple[type[BaseModel], ...], settings: ServeSettings, engine: StagedEngine) -> None:
    """Complete an application's OpenAPI document: bodies, limits, the model's name and labels, and the token."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            schemas = found.setdefault("components", {}).setdefault("schemas", {})
            pairs = [(model, "validation") for model in asked]
            schemas.update(models_json_schema(pairs, ref_template=_REFERENCE)[1]["$defs"])  # type: ignore[arg-type]
            _limit(schemas, settings, engine)
            _name(found["paths"], engine.name)
            if settings.token is not None:
                found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
                found["security"] = [{"token": []}]
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _limit(schemas: dict[str, Any], settings: ServeSettings, engine: StagedEngine) -> None:
    for name in _TEXTS:
        if name in schemas:
            texts = schemas[name]["properties"]["texts"]
            texts |= {"minItems": 1, "maxItems": settings.max_texts}
            texts["items"]["maxLength"] = settings.max_text_chars
    if "ReferenceRequest" in schemas:
        schemas["ReferenceRequest"]["properties"]["reference"]["maxLength"] = settings.max_text_chars
    if engine.labels and "LabelRequest" in schemas:
        schemas["LabelRequest"]["properties"]["label"]["enum"] = list(engine.labels)


def _name(paths: dict[str, Any], name: str) -> None:
    """The one model that paths can name."""
    for operations in paths.values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if (parameter["in"], parameter["name"]) == ("path", "name"):
                    parameter["schema"]["enum"] = [name]


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=model.__name__)}
