"""Overload: full queues, too many connections and bodies, clients that wait too long or hang up."""

import time

from fake_engine import FakeEngine
from served import Client, answers, ask, hold, predict, request, serving, texts_body


def test_a_full_queue_answers_at_once_with_when_to_come_again(engine):
    with serving(engine, queue_texts=2, max_texts=2) as server, hold(engine, server) as busy:
        with Client(server.port) as waiting:
            waiting.send(request("POST", "/predict", texts_body("a", "b")))
            assert server.told.wait_for_texts(2)
            reply = predict(server.port, "late")
            assert reply.status == 503
            assert int(reply.headers["retry-after"]) >= 1
            assert "The queue is full" in reply.error
            infer = b'{"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a"]}]}'
            assert ask(server.port, "POST", "/v2/models/fake/infer", infer).status == 503
            assert server.told.refusals["queue full"] == 2
            assert ask(server.port, "GET", "/v2/health/ready").status == 200
            engine.release()
            assert [each["label"] for each in waiting.reply().json["predictions"]] == ["a", "b"]
        assert busy.reply().status == 200
        assert predict(server.port, "after").status == 200


def test_a_request_that_does_not_fit_is_refused_while_a_smaller_one_is_taken(engine):
    sizes = {"queue_texts": 2, "max_texts": 2}
    with serving(engine, **sizes) as server, hold(engine, server), Client(server.port) as waiting:
        waiting.send(request("POST", "/predict", texts_body("a")))
        assert server.told.wait_for_texts(1)
        assert predict(server.port, "b", "c").status == 503
        engine.release()
        assert waiting.reply().status == 200


def test_a_request_that_waits_too_long_is_told_and_taken_out(engine):
    with serving(engine, timeout_s=0.3) as server, hold(engine, server) as busy:
        reply = predict(server.port, "waits")
        assert (reply.status, "within 0.3 s" in reply.error) == (504, True)
        assert busy.reply().status == 504
        assert ask(server.port, "GET", "/v2/health/ready").status == 503
        engine.release()
        assert predict(server.port, "after").status == 200
        assert "waits" not in [text for call in engine.calls for text in call]


def test_a_client_that_hangs_up_is_taken_out(engine):
    with serving(engine) as server, hold(engine, server):
        with Client(server.port) as leaving:
            leaving.send(request("POST", "/predict", texts_body("leaves")))
            assert server.told.wait_for_texts(1)
        assert server.told.wait_for(("/predict", 499))
        assert server.told.lengths[-1] == (0, 0)
        engine.release()
        assert predict(server.port, "after").status == 200
        assert "leaves" not in [text for call in engine.calls for text in call]


def test_too_many_connections_are_refused_and_room_is_found_again():
    with serving(FakeEngine(), max_connections=3) as server:
        clients = [Client(server.port) for _ in range(3)]
        assert all(client.ask("GET", "/v2/health/live").status == 200 for client in clients)
        with Client(server.port) as surplus:
            reply = surplus.reply()
            assert (reply.status, reply.headers["retry-after"]) == (503, "1")
            assert "as many as allowed" in reply.error
        clients[0].socket.close()
        deadline = time.monotonic() + 30
        while not (found := answers(server.port)) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert found
        for client in clients[1:]:
            client.socket.close()


def test_bodies_are_bounded_over_all_requests():
    with serving(FakeEngine(), max_body_bytes=1_000, max_held_bytes=1_500) as server:
        with Client(server.port) as slow:
            slow.send(request("POST", "/predict", None, content_type="application/json", content_length="1000"))
            slow.send(b" " * 900)
            deadline = time.monotonic() + 30
            while (reply := predict(server.port, "a" * 800)).status == 200 and time.monotonic() < deadline:
                time.sleep(0.01)
            assert (reply.status, reply.headers["retry-after"]) == (503, "1")
            assert "holds as many bodies" in reply.error
        assert server.told.wait_for(("/predict", 499))
        assert predict(server.port, "a" * 800).status == 200
