"""From the texts of a request to its answers: checks them, has them batched, and waits as long as somebody waits."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from leanglot.errors import DataError
from leanglot.languages import canonical_tag
from leanglot.serve.answers import Answer, Telemetry
from leanglot.serve.batching import Batcher, EngineFailedError, NotServingError, QueueFullError, Ticket
from leanglot.serve.errors import CLIENT_GONE, JSON, Refusal
from leanglot.serve.limits import ARRIVED
from leanglot.serve.settings import ServeSettings

_PATIENCE_S: Final = 0.05  # only who waits longer is watched for hanging up: watching costs a task
_MOST_FAULTS: Final = 3
_LONGEST_PLACE: Final = 60
LONGEST_TAG: Final = 100  # longer ones are refused anyway, and must not be remembered
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Answering:
    """Answers the texts of requests.

    Attributes:
        batcher: Runs the engine.
        settings: Limits.
        telemetry: Who is told.
        keep: Takes every answer before it is given.
    """

    batcher: Batcher
    settings: ServeSettings
    telemetry: Telemetry
    keep: Callable[[Sequence[Answer]], None] | None = None

    async def read(self, request: Request, model: type[_Model]) -> _Model:
        """Read a request's body.

        Args:
            request: The request.
            model: What it must hold.

        Raises:
            Refusal: It is no JSON, or not of that kind.
        """
        if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise Refusal(415, "The body is compressed; send it as it is.", {"Accept-Encoding": "identity"})
        media_type = request.headers.get("content-type", "")
        if media_type.partition(";")[0].strip().lower() != JSON:
            raise Refusal(415, f"The body must be JSON: send the header Content-Type: {JSON}.")
        body = await _body(request)
        try:
            return model.model_validate_json(body)
        except ValidationError as error:
            raise _unreadable(error) from None

    async def answer(self, request: Request, texts: Sequence[str], tags: Sequence[str | None]) -> list[Answer]:
        """Answer the texts of a request, in order.

        Args:
            request: The request, whose body was read.
            texts: The texts.
            tags: Language tag of each as the caller wrote it, or None.

        Raises:
            Refusal: They cannot be answered, or not now.
        """
        self.check(texts)
        languages = _languages(texts, tags)
        arrived: float = request.scope.get(ARRIVED, time.perf_counter())
        try:
            ticket = self.batcher.submit(texts, languages)
        except QueueFullError as error:
            raise self._full(error.retry_after_s) from None
        except NotServingError:
            raise Refusal(503, "The server is not ready.", {"Retry-After": "1"}, reason="not ready") from None
        try:
            answers = await self._wait(ticket, request, arrived)
        finally:
            self.batcher.drop(ticket)
        if self.keep is not None:
            self.keep(answers)
        self.telemetry.answered(texts, answers, time.perf_counter() - arrived)
        return answers

    def check_room(self) -> None:
        """Turn a request away before anything is done for it where not even one text finds room.

        Raises:
            Refusal: It is so.
        """
        if self.batcher.full:
            raise self._full(self.batcher.retry_after_s)

    def check(self, texts: Sequence[str]) -> None:
        """Check the number and the lengths of texts.

        Raises:
            Refusal: They cannot be answered.
        """
        settings = self.settings
        if not texts:
            raise Refusal(422, "There are no texts; give one or more.")
        if len(texts) > settings.max_texts:
            message = f"There are {len(texts):,} texts; allowed are {settings.max_texts:,}. Send several requests."
            raise Refusal(413, message, reason="too many texts")
        for position, text in enumerate(texts):
            if len(text) > settings.max_text_chars:
                message = f"Text {position} has {len(text):,} characters; allowed are {settings.max_text_chars:,}."
                raise Refusal(413, message, reason="text too long")
            if not text or text.isspace():
                raise Refusal(422, f"Text {position} is empty; leave it out.")

    def _full(self, retry_after_s: int) -> Refusal:
        message = f"The queue is full: {self.settings.queue_texts:,} texts may wait. Try again in {retry_after_s} s."
        return Refusal(503, message, {"Retry-After": str(retry_after_s)}, reason="queue full")

    async def _wait(self, ticket: Ticket, request: Request, arrived: float) -> list[Answer]:
        left = max(0.0, self.settings.timeout_s - (time.perf_counter() - arrived))
        done, _ = await asyncio.wait((ticket.future,), timeout=min(_PATIENCE_S, left))
        if not done:
            await self._wait_watching(ticket, request, left - _PATIENCE_S)
        try:
            return ticket.future.result()
        except EngineFailedError:
            raise Refusal(500, "The model could not answer these texts. The server's log says why.") from None

    async def _wait_watching(self, ticket: Ticket, request: Request, left: float) -> None:
        """Wait on, and end early where the client hangs up.

        Raises:
            Refusal: It did, or time is up.
        """
        hung_up = asyncio.ensure_future(request.receive())
        waiting: tuple[asyncio.Future[Any], ...] = (ticket.future, hung_up)
        try:
            await asyncio.wait(waiting, timeout=max(0.0, left), return_when=asyncio.FIRST_COMPLETED)
        finally:
            hung_up.cancel()
        if ticket.future.done():
            return
        if hung_up.done() and not hung_up.cancelled():
            raise Refusal(CLIENT_GONE, "The client closed the connection.", reason="client gone")
        message = f"There was no answer within {self.settings.timeout_s:g} s. Try again with fewer texts."
        raise Refusal(504, message, reason="timeout")


async def _body(request: Request) -> bytes:
    """The whole body of a request.

    Raises:
        Refusal: The client hung up, or the body is larger than allowed.
    """
    parts = []
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise Refusal(CLIENT_GONE, "The client closed the connection.", reason="client gone")
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _unreadable(error: ValidationError) -> Refusal:
    """What is wrong with a body: its syntax, or what it holds; never what was in it, which may be private."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    if faults[0]["type"] == "json_invalid":
        return Refusal(400, f"The body is no JSON in UTF-8: {faults[0]['msg'].removeprefix('Invalid JSON: ')}.")
    told = [f"{_place(fault['loc'])}: {fault['msg']}" for fault in faults[:_MOST_FAULTS]]
    more = f" (and {len(faults) - _MOST_FAULTS} more)" if len(faults) > _MOST_FAULTS else ""
    return Refusal(422, f"{'; '.join(told)}{more}.")


def _place(parts: tuple[int | str, ...]) -> str:
    """Where a fault is; of a place with alternatives, without pydantic's names of these."""
    named = [str(part) for part in parts if part != "str" and not str(part).startswith("list[")]
    place = ".".join(named or map(str, parts))
    return (place if len(place) <= _LONGEST_PLACE else f"{place[:_LONGEST_PLACE]}...") or "the body"


def _languages(texts: Sequence[str], tags: Sequence[str | None]) -> list[str | None]:
    """The normal spelling of each tag.

    Raises:
        Refusal: A tag is none, or there are not as many as texts.
    """
    if len(tags) != len(texts):
        raise Refusal(422, f"There are {len(texts)} texts and {len(tags)} languages; give one for each, or none.")
    out: list[str | None] = []
    for position, tag in enumerate(tags):
        canonical, fault = (None, None) if tag is None else _canonical(tag[: LONGEST_TAG + 1])
        if fault is not None:
            raise Refusal(422, f"Language {position}: {fault}")
        out.append(canonical)
    return out


@lru_cache(maxsize=4096)
def _canonical(tag: str) -> tuple[str | None, str | None]:
    """A tag's normal spelling, or what is wrong with it: finding what was meant takes milliseconds."""
    try:
        return canonical_tag(tag), None
    except DataError as error:
        return None, f"{error.message} {error.hint}"
