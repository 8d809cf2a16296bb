"""The dashboard's routes and data: what is served, with which headers, and what any snapshot becomes."""

import gzip
import json
import math
import threading
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from leanglot.results.monitoring import LanguageHealth, RecentLatency, Share, Snapshot
from leanglot.serve import page_files
from leanglot.serve.dashboard import PUBLIC_PATHS, dashboard_router, page_data

NOW = datetime(2026, 11, 27, 12, 30, tzinfo=UTC)


def health(**changed):
    untold = Share(n=0, reason="no label was seen yet")
    fields = {
        "health": "not enough data",
        "reason": "3 predictions.",
        "predictions": 3,
        "last_hour": 3,
        "share": 1.0,
        "per_minute": (0, 3),
        "latency": RecentLatency(n=3),
        "confidence": None,
        "accuracy": untold,
        "estimate": untold,
        "baseline_accuracy": None,
        "detectable_drop": None,
        "variants": {},
    }
    return LanguageHealth(**(fields | changed))


def snapshot(**languages):
    return Snapshot(
        name="int8",
        began=NOW,
        newest=NOW,
        predictions=3,
        per_minute=(0, 3),
        languages={tag.replace("_", "-"): each for tag, each in languages.items()},
        alerts=(),
        alpha=0.05,
    )


def client(told, fresh_s=0.0):
    app = FastAPI()
    app.include_router(dashboard_router(told, fresh_s=fresh_s))
    return TestClient(app, raise_server_exceptions=False)


def test_the_data_are_the_snapshot_with_english_names():
    given = snapshot(sw=health(), zh_Hant=health(), other=health(), und=health())
    told = json.loads(page_data(given, NOW, "page"))
    assert Snapshot.model_validate(told["snapshot"]) == given
    assert told["names"] == {
        "*": "Mix of languages",
        "other": "Other languages",
        "sw": "Swahili",
        "und": "Unknown language",
        "zh-Hant": "Chinese (Traditional)",
    }
    assert datetime.fromisoformat(told["told_at"]) == NOW
    assert told["page"] == "page"


def test_what_is_no_number_becomes_null_and_any_string_arrives():
    odd = "a\ud800b\u2028</script>"
    given = snapshot(sw=health(confidence=math.nan, share=math.inf, reason=odd))
    given = given.model_copy(update={"languages": given.languages | {odd: health(), "": health(), "x" * 99: health()}})
    text = page_data(given, NOW, "page").decode("ascii")
    told = json.loads(text)
    swahili = told["snapshot"]["languages"]["sw"]
    assert (swahili["confidence"], swahili["share"]) == (None, None)
    assert swahili["reason"] == odd
    assert "NaN" not in text
    assert "Infinity" not in text
    assert told["names"][""] == "(no name)"
    assert told["names"]["x" * 99] == "x" * 59 + "…"
    assert "\u2028" not in told["names"][odd]


def test_the_page_holds_no_data_and_may_load_its_own_files_alone():
    with client(lambda: snapshot(sw=health())) as http:
        page = http.get("/dashboard")
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert "unsafe" not in page.headers["content-security-policy"]
        assert "sw" not in page.text.split()
        for path, kind in (("app.js", "text/javascript"), ("style.css", "text/css")):
            asset = http.get(f"/dashboard/{path}")
            assert asset.headers["content-type"].startswith(kind)
            assert asset.headers["cache-control"] == "no-cache"
        for path in [*PUBLIC_PATHS, "/dashboard/data"]:
            assert http.get(path).headers["x-content-type-options"] == "nosniff"


def test_data_are_never_kept_and_packed_where_the_client_unpacks():
    with client(lambda: snapshot(sw=health())) as http:
        plain = http.get("/dashboard/data", headers={"Accept-Encoding": "identity"})
        assert plain.headers["cache-control"] == "no-store"
        assert "content-encoding" not in plain.headers
        with http.stream("GET", "/dashboard/data", headers={"Accept-Encoding": "gzip"}) as packed:
            body = b"".join(packed.iter_raw())
            assert packed.headers["content-encoding"] == "gzip"
        assert json.loads(gzip.decompress(body))["snapshot"] == plain.json()["snapshot"]


def test_public_paths_are_all_routes_but_the_data():
    paths = {route.path for route in dashboard_router(snapshot).routes}
    assert paths == PUBLIC_PATHS | {"/dashboard/data"}


def test_the_dashboard_is_no_part_of_the_documented_interface():
    with client(snapshot) as http:
        assert http.get("/openapi.json").json()["paths"] == {}


def test_a_fresh_snapshot_is_told_again_and_an_error_is_not_kept():
    asked = []

    def told():
        asked.append(None)
        if len(asked) == 1:
            raise RuntimeError("not yet")
        return snapshot(sw=health())

    with client(told, fresh_s=3600) as http:
        assert http.get("/dashboard/data").status_code == 500
        answers = [http.get("/dashboard/data").json() for _ in range(3)]
    assert len(asked) == 2
    assert answers[0] == answers[1] == answers[2]


def test_snapshots_are_taken_one_at_a_time():
    inside, met = threading.Lock(), threading.Event()

    def told():
        if not inside.acquire(blocking=False):
            met.set()
            return snapshot()
        met.wait(0.1)
        inside.release()
        return snapshot(sw=health())

    with client(told) as http:
        threads = [threading.Thread(target=http.get, args=("/dashboard/data",)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not met.is_set()


@pytest.mark.parametrize(
    "text", [page_files.page(), page_files.style_sheet(), page_files.script()], ids=["page", "style", "script"]
)
def test_versions_of_the_page_are_told_apart(text):
    assert page_files.fingerprint(text) == page_files.fingerprint(text)
    assert page_files.fingerprint(text) != page_files.fingerprint(text + " ")
    assert page_files.fingerprint("a", "b") != page_files.fingerprint("ab", "")
