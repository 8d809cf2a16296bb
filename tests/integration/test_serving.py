"""The command ``leanglot serve`` as a process: loaded, stopped, killed, beside another, with a damaged artifact."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fake_engine import FakeEngine
from fake_pair_engine import FakePairEngine
from leanglot.cli import main
from leanglot.runtimes.loading import load
from served import PATIENCE_S, Client, ask, predict, request, serving, texts_body

SCHEMATHESIS = """
[checks]
# Tags and tensors have rules that JSON Schema cannot tell; too much is answered 413.
negative_data_rejection.expected-statuses = [400, 401, 404, 405, 413, 415, 422]
"""


@dataclass(frozen=True)
class Command:
    """A process that serves."""

    process: subprocess.Popen
    port: int

    def stop(self, how=signal.SIGTERM):
        """Exit code and error stream after a signal."""
        self.process.send_signal(how)
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, errors


def start(artifact, *options, **environment):
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "leanglot.cli",
            "serve",
            str(artifact),
            "--port",
            "0",
            "--threads",
            "1",
            *map(str, options),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


@contextmanager
def command(artifact, *options, **environment):
    process = start(artifact, *options, **environment)
    try:
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+) ", line)
        assert found, line + process.stderr.read()
        yield Command(process, int(found[1]))
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_S)


def refused(capsys, artifact, *options):
    """What the command says where it does not start."""
    with pytest.raises(SystemExit) as ended:
        main(["serve", str(artifact), "--port", "0", *map(str, options)])
    output = capsys.readouterr()
    assert (ended.value.code, output.out) == (2, "")
    return output.err


def test_every_request_of_many_clients_is_answered_once_with_its_own_answer(onnx_artifact, tiny_rows, tmp_path):
    log, clients = tmp_path / "log.jsonl", 24
    alone = load(onnx_artifact, threads=1)
    texts = [row["text"] for row in tiny_rows[:96]]
    expected = {text: alone.predict([text])[0].label for text in texts}

    def client(number):
        found = []
        with Client(served.port) as connection:
            for turn in range(20):
                own = [texts[(number * 7 + turn * 5 + place) % len(texts)] for place in range(turn % 4 + 1)]
                reply = connection.ask("POST", "/predict", texts_body(*own))
                assert reply.status == 200
                found += [(text, each) for text, each in zip(own, reply.json["predictions"], strict=True)]
        return found

    with command(onnx_artifact, "--log", log) as served:
        with ThreadPoolExecutor(clients) as pool:
            found = [each for answers in pool.map(client, range(clients)) for each in answers]
        assert served.stop() == (0, "")
    assert [each["label"] for _, each in found] == [expected[text] for text, _ in found]
    told = [each["id"] for _, each in found]
    assert len(set(told)) == len(told) == clients * 50
    logged = [json.loads(line) for line in log.read_text().splitlines()]
    assert sorted(line["id"] for line in logged) == sorted(told)
    assert {line["id"]: line["prediction"] for line in logged} == {each["id"]: each["label"] for _, each in found}


def test_stopped_under_load_it_answers_what_it_took_and_ends_well(onnx_artifact, tmp_path):
    log, answered, broken, under_way = tmp_path / "log.jsonl", [], [], threading.Semaphore(0)

    def client(_):
        """Ask until the server is gone; a request that got a part of an answer must get all of it."""
        while True:
            try:
                with Client(served.port) as connection:
                    while True:
                        reply = connection.ask("POST", "/predict", texts_body("filler-1 de-music-3", "filler-2"))
                        assert reply.status == 200
                        answered.extend(each["id"] for each in reply.json["predictions"])
                        under_way.release()
            except ConnectionRefusedError:
                return
            except ConnectionError as error:
                broken.append(str(error))

    with command(onnx_artifact, "--log", log) as served, ThreadPoolExecutor(12) as pool:
        running = [pool.submit(client, number) for number in range(12)]
        for _ in range(100):
            assert under_way.acquire(timeout=PATIENCE_S)
        assert served.stop() == (0, "")
        for each in running:
            each.result(PATIENCE_S)
    assert not [message for message in broken if "HTTP" in message]
    logged = [json.loads(line)["id"] for line in log.read_text().splitlines()]
    assert sorted(logged) == sorted(answered)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_idle_server_ends_well(onnx_artifact, how):
    with command(onnx_artifact) as served:
        assert ask(served.port, "GET", "/v2/health/ready").json == {"ready": True}
        assert ask(served.port, "GET", "/v2").status == 200
        assert served.stop(how) == (0, "")


def test_connections_dropped_half_way_do_no_harm(onnx_artifact):
    whole = request("POST", "/predict", texts_body(*["filler-1 de-music-3"] * 50))
    with command(onnx_artifact) as served:
        for end in [*range(0, len(whole), 97), len(whole)]:
            with Client(served.port) as connection:
                connection.send(whole[:end])
        assert predict(served.port, "after").status == 200
        assert served.stop() == (0, "")


def test_a_port_that_is_taken_is_told_before_anything_is_loaded(onnx_artifact, tmp_path, capsys):
    with command(onnx_artifact) as served:
        assert f"Port {served.port} of 127.0.0.1 is taken" in refused(capsys, onnx_artifact, "--port", served.port)
        assert f"Port {served.port} " in refused(capsys, tmp_path / "no artifact at all", "--port", served.port)
        assert predict(served.port, "goes on").status == 200
        served.stop(signal.SIGKILL)
        with command(onnx_artifact, "--port", served.port) as again:
            assert again.port == served.port
            assert predict(again.port, "again").status == 200


def test_a_damaged_artifact_is_refused(capsys, onnx_artifact, tmp_path):
    copy = shutil.copytree(onnx_artifact, tmp_path / "copy")
    model = next(path for path in copy.iterdir() if path.name.startswith("model.onnx"))
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)
    assert f"{model.name} was changed or damaged" in refused(capsys, copy)
    model.unlink()
    assert "lacks" in refused(capsys, copy)
    assert "There is no artifact folder" in refused(capsys, tmp_path / "nowhere")
    assert "is no artifact" in refused(capsys, tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "no.such.host.invalid"], "is not known"),
        (["--host", "192.0.2.1"], "cannot be listened on"),
        (["--max-texts", "0", "--timeout", "-1"], "timeout_s is -1.0"),
        (["--token-file", "missing"], "cannot be read"),
        (["--state", "state.json"], "Add --log FILE"),
    ],
)
def test_options_that_cannot_be_used_say_why(onnx_artifact, options, message, capsys):
    assert message in refused(capsys, onnx_artifact, *options)


def test_the_token_comes_from_the_environment_and_is_told_nowhere(onnx_artifact):
    token = "a-token-of-the-environment"  # noqa: S105 - made up
    with command(onnx_artifact, LEANGLOT_TOKEN=token) as served:
        assert predict(served.port, "a").status == 401
        assert ask(served.port, "GET", "/metrics").status == 401
        assert ask(served.port, "GET", "/v2/health/ready").status == 200
        assert ask(served.port, "GET", "/metrics", authorization=f"Bearer {token}").status == 200
        assert token not in Path(f"/proc/{served.process.pid}/cmdline").read_text()
        assert served.stop() == (0, "")


def test_whoever_lets_others_in_without_a_token_is_warned(onnx_artifact):
    process = start(onnx_artifact, "--host", "0.0.0.0")  # noqa: S104 - what is tested
    try:
        assert "Serving plain-onnx at http://0.0.0.0:" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert "Warning: whoever reaches 0.0.0.0 may use this server" in errors
    finally:
        process.kill()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "plain"),
    [(FakeEngine(labels=("on", "off")), "/predict"), (FakePairEngine(), "/translate")],
    ids=["classifies", "translates"],
)
def test_answers_keep_to_the_openapi_document(tmp_path, engine, plain):
    (tmp_path / "schemathesis.toml").write_text(SCHEMATHESIS)
    with serving(engine) as server:
        address = f"http://127.0.0.1:{server.port}/openapi.json"
        result = subprocess.run(
            [
                *(
                    Path(sys.executable).with_name("schemathesis"),
                    "--config-file",
                    tmp_path / "schemathesis.toml",
                    "run",
                    address,
                ),
                *("--checks", "all", "--exclude-checks", "positive_data_acceptance", "--seed", "1", "-n", "40"),
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )
        assert result.returncode == 0, result.stdout[-6_000:]
        assert re.search(r"Tested: 8\b", result.stdout)
        assert ("/v2/models/{name}/infer", 200) in server.told.requests
        assert (plain, 200) in server.told.requests
        assert not [each for each in server.told.requests if each[1] >= 500]
