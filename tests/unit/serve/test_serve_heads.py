"""Requests for the head of an answer alone, as load balancers send them."""

import http.client

import pytest

from fake_engine import FakeEngine
from served import PATIENCE_S, serving


@pytest.mark.parametrize(("path", "status"), [("/v2/health/live", 200), ("/v2/health/ready", 200), ("/nope", 404)])
def test_a_head_is_that_of_the_whole_answer_and_the_connection_stays_open(path, status):
    with serving(FakeEngine()) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
        connection.request("GET", path)
        whole = connection.getresponse()
        length = len(whole.read())
        connection.request("HEAD", path)
        reply = connection.getresponse()
        assert (reply.status, reply.read(), int(reply.headers["content-length"])) == (status, b"", length)
        connection.request("GET", path)
        assert connection.getresponse().status == status
        connection.close()


def test_a_head_of_what_takes_only_post_is_refused():
    with serving(FakeEngine()) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
        connection.request("HEAD", "/predict")
        assert connection.getresponse().status == 405
        connection.close()
