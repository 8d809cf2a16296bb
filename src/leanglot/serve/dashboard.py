"""The page at ``/dashboard``: each language's health, latency, volume and alerts, live, without outside assets."""

import gzip
import json
import math
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Final

from fastapi import APIRouter, Header, Response

from leanglot.errors import DataError
from leanglot.languages import display_name
from leanglot.monitor.events import UNDETERMINED
from leanglot.report.format import plain
from leanglot.results.monitoring import Snapshot
from leanglot.serve import page_files

PUBLIC_PATHS: Final = frozenset({"/dashboard", "/dashboard/app.js", "/dashboard/style.css"})
"""Paths that hold no data: a server with a token serves them without it, and the page asks for the token."""

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None

_SPECIAL_NAMES: Final = {"*": "Mix of languages", "other": "Other languages", UNDETERMINED: "Unknown language"}
_SHARED_HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_FRESH_S: Final = 1.0
_LONGEST_NAME: Final = 60


def dashboard_router(
    snapshot: Callable[[], Snapshot], *, fresh_s: float = _FRESH_S, translates: bool = False
) -> APIRouter:
    """The routes of the page and of its data.

    ``GET /dashboard/data`` answers with what `page_data` makes.

    Args:
        snapshot: What the monitor knows; called in a thread, never twice at once.
        fresh_s: Seconds for which a snapshot is told again, so that many open pages cost what one costs.
        translates: Whether the model translates.
    """
    router = APIRouter(include_in_schema=False)
    page, style, script = page_files.page(translates=translates), page_files.style_sheet(), page_files.script()
    data = _Data(snapshot, page_files.fingerprint(page, style, script), fresh_s)

    @router.get("/dashboard")
    async def _page() -> Response:
        return _asset(page, "text/html", {"Content-Security-Policy": page_files.CONTENT_POLICY})

    @router.get("/dashboard/style.css")
    async def _style() -> Response:
        return _asset(style, "text/css")

    @router.get("/dashboard/app.js")
    async def _script() -> Response:
        return _asset(script, "text/javascript")

    @router.get("/dashboard/data")
    def _data(accept_encoding: Annotated[str, Header()] = "") -> Response:
        body, packed = data.now()
        headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding", **_SHARED_HEADERS}
        if "gzip" not in accept_encoding:
            return Response(body, media_type="application/json", headers=headers)
        return Response(packed, media_type="application/json", headers={"Content-Encoding": "gzip", **headers})

    return router


def page_data(snapshot: Snapshot, told_at: datetime, page: str) -> bytes:
    """The answer of ``/dashboard/data``.

    Args:
        snapshot: What the monitor knows.
        told_at: Time, by the server's clock, since which the snapshot is new.
        page: Fingerprint of the page that goes with it; an open page of another version asks to be reloaded.

    Returns:
        ``{"snapshot": ..., "names": {tag: English name}, "told_at": ISO 8601, "page": ...}``, in ASCII; a number
        that is none, or not finite, is null.
    """
    tags = {"*", *snapshot.languages, *(alert.language for alert in snapshot.alerts)}
    told: dict[str, Json] = {
        "snapshot": _finite(snapshot.model_dump(mode="json")),
        "names": _names(tags),
        "told_at": told_at.isoformat(),
        "page": page,
    }
    return json.dumps(told, allow_nan=False, separators=(",", ":")).encode("ascii")


class _Data:
    """Tells the newest snapshot, plain and gzipped, and takes a new one when the last one is no longer fresh."""

    def __init__(self, snapshot: Callable[[], Snapshot], page: str, fresh_s: float) -> None:
        self._snapshot = snapshot
        self._page = page
        self._fresh_s = fresh_s
        self._lock = threading.Lock()
        self._taken = -math.inf
        self._told = (b"", b"")

    def now(self) -> tuple[bytes, bytes]:
        with self._lock:
            if time.monotonic() - self._taken >= self._fresh_s:
                told_at = datetime.now(UTC)
                body = page_data(self._snapshot(), told_at, self._page)
                self._told = (body, gzip.compress(body, compresslevel=1))
                self._taken = time.monotonic()
            return self._told


def _names(tags: Iterable[str]) -> dict[str, Json]:
    return {tag: _name(tag) for tag in sorted(tags)}


@lru_cache(maxsize=1024)
def _name(tag: str) -> str:
    if tag in _SPECIAL_NAMES:
        return _SPECIAL_NAMES[tag]
    try:
        return display_name(tag)
    except DataError:
        shown = plain(tag) or "(no name)"
        return shown if len(shown) <= _LONGEST_NAME else f"{shown[: _LONGEST_NAME - 1]}…"


def _finite(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _asset(text: str, media_type: str, headers: dict[str, str] | None = None) -> Response:
    return Response(
        text, media_type=media_type, headers={"Cache-Control": "no-cache", **_SHARED_HEADERS, **(headers or {})}
    )
