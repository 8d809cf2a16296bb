"""Stopping: what was taken is finished, within the grace."""

import signal
import subprocess
import sys
import time

from fake_engine import FakeEngine
from served import Client, answers, hold, request, serving, texts_body


def test_what_was_taken_is_finished(engine):
    with serving(engine) as server, hold(engine, server) as busy, Client(server.port) as waiting:
        waiting.send(request("POST", "/predict", texts_body("waiting")))
        assert server.told.wait_for_texts(1)
        server.stop()
        deadline = time.monotonic() + 30
        while answers(server.port) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not answers(server.port)
        engine.release()
        replies = [busy.reply(), waiting.reply()]
        assert [reply.status for reply in replies] == [200, 200]
        assert [reply.headers["connection"] for reply in replies] == ["close", "close"]
        assert busy.closed()


def test_what_is_not_finished_within_the_grace_is_told(engine):
    with serving(engine, grace_s=1.0) as server, hold(engine, server) as busy:
        server.stop()
        reply = busy.reply()
        assert (reply.status, "is stopping" in reply.error) == (503, True)
        engine.release()


def test_who_stops_it_twice_waits_for_nothing(engine):
    with serving(engine) as server, hold(engine, server) as busy:
        server.stop()
        server.server.force_exit = True
        reply = busy.reply()
        assert (reply.status, "is stopping" in reply.error) == (503, True)
        engine.release()


def test_a_request_that_crosses_the_stop_on_an_open_connection_is_answered():
    with serving(FakeEngine()) as server, Client(server.port) as client:
        assert client.ask("GET", "/v2/health/live").status == 200
        server.server.should_exit = True
        deadline = time.monotonic() + 30
        while server.server.servers[0].is_serving() and time.monotonic() < deadline:
            time.sleep(0.001)
        reply = client.ask("POST", "/predict", texts_body("crossing"))
        assert (reply.status, reply.headers["connection"]) == (200, "close")


STILL_LOADING = """
import time
from contextlib import contextmanager

from leanglot.serve.server import run_server
from leanglot.serve.settings import ServeSettings


@contextmanager
def assemble():
    try:
        print("loading", flush=True)
        time.sleep(300)
        yield
    finally:
        print("ended", flush=True)


run_server(ServeSettings(port=0), assemble, lambda *_: None)
"""


def test_sigterm_ends_in_order_what_still_loads():
    process = subprocess.Popen([sys.executable, "-c", STILL_LOADING], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=60)
        assert (process.returncode, told) == (143, "ended\n")
    finally:
        process.kill()
