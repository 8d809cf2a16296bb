"""Slow clients: each is ended in time, and none for a slowness that is the server's."""

import time

import pytest

from fake_engine import FakeEngine
from served import Client, hold, request, serving, texts_body


@pytest.fixture(scope="module")
def server():
    with serving(FakeEngine(), read_timeout_s=1.0, keep_alive_s=2.0) as running:
        yield running


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GE",
        b"\r\n",
        b"POST /predict HTTP/1.1\r\nhost: x\r\n",
        request("POST", "/predict", texts_body("a"))[:-3],
    ],
    ids=["nothing", "a word", "an empty line", "half a head", "half a body"],
)
def test_a_request_that_does_not_end_is_ended(server, start):
    with Client(server.port) as client:
        client.send(start)
        reply = client.reply()
        assert (reply.status, "not whole within 1 s" in reply.error) == (408, True)
        assert client.closed()


def test_one_that_comes_a_byte_at_a_time_is_ended_too(server):
    with Client(server.port) as client, pytest.raises(ConnectionError):
        drip(client, request("POST", "/predict", texts_body("slow " * 400)))


def drip(client, data):
    for byte in data:
        client.send(bytes([byte]))
        time.sleep(0.02)


def test_a_refused_body_that_goes_on_is_ended(server):
    with Client(server.port) as client:
        client.send(request("POST", "/predict", None, content_type="application/json", content_length="50000000"))
        assert client.reply().status == 413
        assert client.closed()


def test_an_idle_connection_is_closed(server):
    with Client(server.port) as client:
        assert client.ask("GET", "/v2/health/live").status == 200
        assert client.closed()


def test_a_connection_that_is_used_stays_open(server):
    with Client(server.port) as client:
        for _ in range(6):
            assert client.ask("GET", "/v2/health/live").status == 200
            time.sleep(0.5)


def test_waiting_for_the_engine_is_not_the_clients_slowness():
    engine = FakeEngine()
    with serving(engine, read_timeout_s=0.2) as server, hold(engine, server) as busy:
        busy.send(request("POST", "/predict", texts_body("next"))[:-3])  # half of the next one, while it waits
        time.sleep(0.7)
        engine.release()
        assert busy.reply().json["predictions"][0]["label"] == "busy"


def test_a_client_that_takes_nothing_of_its_answer_is_dropped():
    with serving(FakeEngine(), read_timeout_s=0.5) as server, Client(server.port) as client:
        client.socket.settimeout(0.5)
        many = request("GET", "/openapi.json") * 200
        try:
            for _ in range(50):
                client.send(many)
        except TimeoutError:
            pass  # both directions are full now
        deadline = time.monotonic() + 30
        while server.server.server_state.connections and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not server.server.server_state.connections
