"""The token: who shows it is let in, and nobody else."""

import base64

import pytest

from fake_engine import FakeEngine
from served import ask, serving, texts_body

TOKEN = "a-token-of-the-tests"  # noqa: S105 - made up


@pytest.fixture(scope="module")
def server():
    with serving(FakeEngine(), token=TOKEN) as running:
        yield running


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_whoever_shows_it_is_let_in(server, scheme):
    reply = ask(server.port, "POST", "/predict", texts_body("a"), authorization=f"{scheme} {TOKEN}")
    assert reply.status == 200


def test_a_browser_may_send_it_as_a_password(server):
    shown = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
    assert ask(server.port, "GET", "/v2", authorization=f"Basic {shown}").status == 200


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": f"Token {TOKEN}"},
        {"authorization": TOKEN},
        {"authorization": "Basic ###"},
        {"authorization": "Basic YTpi"},
        {"authorization": "Bearer \xff\xfe"},
        {"x_token": TOKEN},
    ],
    ids=str,
)
def test_nobody_else_is(server, shown):
    for method, path in (("POST", "/predict"), ("GET", "/v2"), ("GET", "/openapi.json"), ("GET", "/nowhere")):
        reply = ask(server.port, method, path, texts_body("a") if method == "POST" else None, **shown)
        assert reply.status == 401
        assert reply.headers["www-authenticate"].startswith("bearer")
        assert TOKEN not in reply.error


def test_health_needs_none(server):
    assert ask(server.port, "GET", "/v2/health/live").status == 200
    assert ask(server.port, "GET", "/v2/health/ready").status == 200
