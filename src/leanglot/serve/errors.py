"""Refusals of requests: one shape of JSON for all of them, with what is wrong and what is allowed, and no traceback."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import Response

CLIENT_GONE: Final = 499
"""What is counted where the client closed the connection before its answer (the code that nginx logs)."""

REFUSED: Final = "leanglot.refused"
"""Where the scope of a request keeps why it was turned away."""

JSON: Final = "application/json"
_FAILED: Final = "The server could not answer this request. Its log says why."


class ErrorBody(BaseModel):
    """Every answer that is none.

    Attributes:
        error: What is wrong with the request or the server, and what is allowed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    error: str


class Refusal(HTTPException):
    """A request that is not answered.

    Args:
        status: Status code of HTTP.
        message: What is wrong, and what is allowed.
        headers: Further headers.
        reason: One of few words by which such refusals are counted; None counts it by its status alone.
    """

    def __init__(
        self, status: int, message: str, headers: Mapping[str, str] | None = None, *, reason: str | None = None
    ) -> None:
        super().__init__(status, message, None if headers is None else dict(headers))
        self.message = message
        self.reason = reason

    def response(self) -> Response:
        """The answer that tells it."""
        return Response(body_of(self.message), self.status_code, self.headers, JSON)


def body_of(message: str) -> bytes:
    """The body that tells an error."""
    return json.dumps({"error": message}, ensure_ascii=False).encode("utf-8", "replace")


def tell_errors(app: FastAPI) -> None:
    """Have an application tell all errors in one shape."""
    app.exception_handler(HTTPException)(_refused)
    app.exception_handler(Exception)(_failed)


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, Refusal):
        request.scope[REFUSED] = error.reason
        return error.response()
    if not isinstance(error, HTTPException):
        return Response(body_of(_FAILED), 500, media_type=JSON)
    what = f"{request.method} {request.url.path}"[:200]
    allowed = (error.headers or {}).get("allow") or (error.headers or {}).get("Allow")
    message = {
        404: f"There is nothing at {what}. What there is, says /openapi.json.",
        405: f"{what} is not allowed; allowed is {allowed}.",
    }.get(error.status_code, f"{what}: {HTTPStatus(error.status_code).phrase}.")
    return Response(body_of(message), error.status_code, error.headers, JSON)


async def _failed(_request: Request, _error: Exception) -> Response:
    return Response(body_of(_FAILED), 500, media_type=JSON)
