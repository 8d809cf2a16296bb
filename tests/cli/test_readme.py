"""The README's commands and Python run as written, on a tiny model under the names the README uses."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from leanglot.cli import main
from tiny_translators import make_translator, parallel

# What is too much for a tiny model: layers of a student, and minutes of a search.
_LESS = {"6": "1", "30m": "20s"}

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    """The fenced code blocks of a kind, in order."""
    return re.findall(rf"^```{kind}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Every leanglot command of the README but the demo, which takes minutes."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    parsed = [shlex.split(line, comments=True) for line in lines if line.startswith("leanglot ")]
    return [words[1:] for words in parsed if words[1] != "demo"]


@pytest.fixture(scope="module")
def workplace(tiny_model: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(tiny_model, folder / "my-model")
    shutil.copy(tiny_data, folder / "data.jsonl")
    rows = [json.loads(line) for line in tiny_data.read_text(encoding="utf-8").splitlines()]
    texts = [{"text": f"{row['text']} filler-1", "language": row["language"]} for row in rows]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in texts), encoding="utf-8")
    shutil.copy(folder / "train.jsonl", folder / "log.jsonl")
    make_translator(folder / "my-translator", "marian", steps=40, width=32)
    columns = parallel()
    rows = zip(columns.sources, columns.references, columns.source_languages, columns.target_languages, strict=True)
    names = ("source", "target", "source_language", "target_language")
    lines = [json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in rows]
    (folder / "parallel.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, block in zip(("run.yaml", "costs.yaml"), blocks("yaml"), strict=True):
        (folder / name).write_text(block, encoding="utf-8")
    return folder


def test_the_readme_shows_every_step():
    shown = {words[0] for words in commands()}
    assert shown == {
        *("optimize", "benchmark", "evaluate", "quantize", "export"),
        *("trim-vocabulary", "prune", "distil", "search-sparsity"),
        *("repair", "sweep", "report", "recommend", "doctor"),
        *("route", "gate", "compare", "card", "profile"),
        *("serve", "monitor", "translate"),
    }  # fmt: skip


@pytest.mark.slow
def test_the_readme_s_commands_and_python_run_in_order(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    for words in commands():
        if words[0] == "serve":
            serve_one_answer(words)
            continue
        quick = ["--quick"] if words[0] in {"optimize", "benchmark", "sweep"} else []
        with pytest.raises(SystemExit) as stopped:
            main([*(_LESS.get(word, word) for word in words), *quick])
        assert stopped.value.code == 0, f"leanglot {' '.join(words)}: {capsys.readouterr().err}"
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102 - the README's own code, as a reader would run it


def serve_one_answer(words: list[str]) -> None:
    """Starts the server, asks it what the README asks, and stops it."""
    (asked,) = re.findall(r"^curl .* -d '(.*)'$", README, flags=re.MULTILINE)
    command = [sys.executable, "-m", "leanglot.cli", *words, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = re.search(r"http://\S+", server.stdout.readline())[0]
            request = Request(f"{address}/predict", asked.encode(), {"content-type": "application/json"})  # noqa: S310
            with urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server
                assert len(json.load(answer)["predictions"]) == 1
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0


def test_the_readme_opens_with_a_chart_and_a_command():
    first = README.splitlines()[:30]
    assert any(line.startswith("![") for line in first)
    assert any(line.startswith(("make demo", "leanglot demo")) for line in first)


@pytest.mark.parametrize("name", ["quantization.md", "training.md"])
def test_the_guides_python_runs_as_written(monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    guide = (Path(__file__).parents[2] / "docs" / name).read_text(encoding="utf-8")
    found = re.findall(r"^```python\n(.*?)^```", guide, flags=re.MULTILINE | re.DOTALL)
    assert found
    for block in found:
        exec(compile(block, name, "exec"), {})  # noqa: S102 - the guide's own code


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)#]+)", README))))
def test_the_readme_s_links_lead_somewhere(link):
    assert (Path(__file__).parents[2] / link).exists()
