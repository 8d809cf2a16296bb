"""Bodies and heads that are too large, of unknown length, or no HTTP at all."""

import pytest

from fake_engine import FakeEngine
from served import Client, predict, request, serving, texts_body


@pytest.fixture(scope="module")
def server():
    with serving(FakeEngine(), max_body_bytes=100_000, read_timeout_s=30.0) as running:
        yield running


def test_a_body_that_says_it_is_too_large_is_not_read(server):
    with Client(server.port) as client:
        client.send(request("POST", "/predict", None, content_type="application/json", content_length="50000000"))
        reply = client.reply()
        assert (reply.status, "allowed are 100,000 bytes" in reply.error) == (413, True)
    assert server.told.wait_for(("/predict", 413)), "counted where it was sent to"


def test_50_megabytes_sent_without_waiting_get_the_same_answer(server):
    with Client(server.port) as client:
        client.send(request("POST", "/predict", b" " * 50_000_000))
        assert client.reply().status == 413
        assert client.ask("GET", "/v2/health/live").status == 200


def test_a_body_of_unknown_length_is_counted_while_it_comes(server):
    with Client(server.port) as client:
        client.send(request("POST", "/predict", None, content_type="application/json", transfer_encoding="chunked"))
        for _ in range(30):
            client.send(b"1000\r\n" + b" " * 0x1000 + b"\r\n")
        client.send(b"0\r\n\r\n")
        assert client.reply().status == 413
        assert client.ask("GET", "/v2/health/live").status == 200


def test_a_small_body_in_chunks_is_answered(server):
    body = texts_body("in chunks")
    with Client(server.port) as client:
        client.send(request("POST", "/predict", None, content_type="application/json", transfer_encoding="chunked"))
        for byte in body:
            client.send(b"1\r\n" + bytes([byte]) + b"\r\n")
        client.send(b"0\r\n\r\n")
        assert client.reply().json["predictions"][0]["label"] == "in chunks"


def test_a_client_that_asks_first_is_told_to_go_on_or_not(server):
    body = texts_body("asked first")
    with Client(server.port) as client:
        head = {"content_type": "application/json", "expect": "100-continue"}
        client.send(request("POST", "/predict", None, content_length=str(len(body)), **head))
        assert client.socket.recv(100).startswith(b"HTTP/1.1 100 ")
        client.send(body)
        assert client.reply().status == 200
    with Client(server.port) as client:
        client.send(request("POST", "/predict", None, content_length="50000000", **head))
        assert client.socket.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "start",
    [
        b"GET /" + b"a" * 200_000,
        b"GET / HTTP/1.1\r\nx: " + b"a" * 200_000,
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 40_000,
    ],
    ids=["target", "header", "headers"],
)
def test_a_head_without_end_is_refused(server, start):
    with Client(server.port) as client:
        client.send(start)
        reply = client.reply()
        assert (reply.status, "65,536 bytes" in reply.error) == (431, True)


def test_trailers_without_end_are_refused(server):
    with Client(server.port) as client:
        client.send(request("POST", "/predict", None, content_type="application/json", transfer_encoding="chunked"))
        client.send(b"2\r\n{}\r\n0\r\n" + b"x: y\r\n" * 40_000)
        assert client.reply().status in {422, 431}


@pytest.mark.parametrize(
    "start",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost : x\r\n\r\n",
        b"GET /\xc3\xbc HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http_is_told_so(server, start):
    with Client(server.port) as client:
        client.send(start)
        reply = client.reply()
        assert reply.status in {400, 404}
        assert reply.error
    assert predict(server.port, "after").status == 200


def test_a_protocol_that_is_not_spoken_is_ignored_or_told(server):
    other = {"connection": "Upgrade", "upgrade": "h2c"}
    with Client(server.port) as client:
        assert client.ask("GET", "/v2/health/live", **other).status == 200
        assert client.closed()
    with Client(server.port) as client:
        reply = client.ask("POST", "/predict", texts_body("a"), **other)
        assert (reply.status, "leave out the header Upgrade" in reply.error) == (400, True)
        assert client.closed()
