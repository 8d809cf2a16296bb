"""Cold starts happen in fresh processes, and a failing one is an error."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from leanglot.errors import ModelError
from leanglot.measure import cold_start
from leanglot.measure.cold_start import measure_cold_start, peak_rss_bytes

TEXT = "de-lights-0 filler-1"


@pytest.fixture
def pickled(tiny_model, tmp_path):
    """The tiny model with pickled weights."""
    folder = shutil.copytree(tiny_model, tmp_path / "pickled")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


@pytest.fixture
def answers(monkeypatch):
    """Processes that report these numbers instead of starting."""
    planned = [(3.0, 500), (1.0, 900), (2.0, 100)]
    requests = []

    def run(command, **options):
        requests.append((command, json.loads(options["input"])))
        seconds, memory = planned[len(requests) - 1]
        out = f"a library's chatter\n{json.dumps({'seconds': seconds, 'peak_rss_bytes': memory})}\n"
        return subprocess.CompletedProcess(command, 0, out, "")

    monkeypatch.setattr(cold_start.subprocess, "run", run)
    return requests


def test_fresh_processes_need_time_and_memory_and_more_of_it_with_torch(onnx_artifact, pickled):
    artifact = measure_cold_start(onnx_artifact, TEXT, threads=1, repetitions=1)
    folder = measure_cold_start(pickled, TEXT, threads=1, repetitions=1, allow_pickle=True)
    assert 0.05 < artifact.seconds < 120
    assert 20_000_000 < artifact.peak_rss_bytes < folder.peak_rss_bytes < 5_000_000_000
    assert artifact.repetitions == folder.repetitions == 1


def test_a_process_that_fails_is_an_error_with_its_last_words(onnx_artifact, tmp_path):
    broken = shutil.copytree(onnx_artifact, tmp_path / "broken")
    (broken / "model.onnx").write_bytes(b"cut off")
    with pytest.raises(ModelError, match=r"A fresh process could not load .*broken") as caught:
        measure_cold_start(broken, TEXT, threads=1, repetitions=1)
    assert "ModelError" in caught.value.message


def test_a_process_that_hangs_is_an_error(monkeypatch, tmp_path):
    def hang(command, timeout, **_):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(cold_start.subprocess, "run", hang)
    with pytest.raises(ModelError, match=r"had not loaded .* after 600 s"):
        measure_cold_start(tmp_path, TEXT, threads=1)


def test_the_median_of_the_repetitions_counts(answers, tmp_path):
    measured = measure_cold_start(tmp_path, TEXT, threads=2, repetitions=3)
    assert (measured.seconds, measured.peak_rss_bytes, measured.repetitions) == (2.0, 500, 3)
    command, request = answers[0]
    assert command == [sys.executable, "-P", "-m", "leanglot.measure.cold_start"]
    assert request == {"folder": str(tmp_path), "text": TEXT, "threads": 2, "allow_pickle": False, "pair": None}


@pytest.mark.parametrize("subject", ["onnx_artifact", "tiny_model"])
def test_the_process_reports_its_own_age_and_peak(request, monkeypatch, capsys, subject):
    folder = str(request.getfixturevalue(subject))
    asked = {"folder": folder, "text": TEXT, "threads": 1, "allow_pickle": False, "pair": None}
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(asked)))
    cold_start._answer_once()
    answer = json.loads(capsys.readouterr().out)
    assert answer["seconds"] > 0.1
    assert answer["peak_rss_bytes"] == pytest.approx(peak_rss_bytes(), rel=0.01)  # a byte more may be used since


def test_the_peak_is_at_least_what_is_resident_now():
    assert peak_rss_bytes() >= psutil.Process(os.getpid()).memory_info().rss * 0.9


@pytest.mark.parametrize("status", [None, "Name:\tpython\nVmRSS:\t  10 kB\n"])
def test_a_system_that_does_not_tell_the_peak_is_asked_another_way(monkeypatch, status):
    def read(path, **_):
        if status is None:
            raise FileNotFoundError(path)
        return status

    monkeypatch.setattr(Path, "read_text", read)
    assert peak_rss_bytes() > 10_000


def test_the_peak_is_in_bytes(monkeypatch):
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "VmPeak:\t 999 kB\nVmHWM:\t   1234 kB\n")
    assert peak_rss_bytes() == 1234 * 1024
