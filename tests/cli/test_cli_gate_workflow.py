"""The workflow for GitHub Actions: it is whole, its actions are pinned, and its gate runs as written."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import typer
import yaml

from junit_rules import parsed
from leanglot.cli import main, make_app
from leanglot.cli.parsing import was_typed

WORKFLOW = Path(__file__).parents[2] / "examples" / "github-actions" / "leanglot-gate.yml"
POSITIONAL = {"gate": 2, "compare": 2, "report": 1, "recommend": 1}


@pytest.fixture(scope="module")
def workflow():
    return yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))


def steps(workflow):
    return workflow["jobs"]["gate"]["steps"]


def commands(workflow):
    """Every leanglot command, its words as the shell would pass them."""
    lines = "\n".join(step.get("run", "") for step in steps(workflow)).replace("\\\n", " ").splitlines()
    for name, value in workflow["env"].items():
        lines = [line.replace(f"${name}", str(value)) for line in lines]
    return [shlex.split(line)[1:] for line in lines if line.startswith("leanglot ")]


def test_it_runs_on_pull_requests_with_little_permission(workflow):
    assert set(workflow[True]) == {"pull_request", "workflow_dispatch"}  # YAML 1.1 reads "on" as true
    assert workflow["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert workflow["jobs"]["gate"]["timeout-minutes"] <= 60


def test_its_actions_are_pinned_to_a_major_version(workflow):
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert {use.partition("@")[0] for use in used} == {
        "actions/checkout", "actions/setup-python", "actions/cache", "actions/upload-artifact"
    }  # fmt: skip
    assert all(re.fullmatch(r"[\w/-]+@v\d+", use) for use in used)


def test_no_value_from_outside_is_pasted_into_a_shell(workflow):
    assert not any("${{" in step.get("run", "") for step in steps(workflow))


def test_results_are_kept_also_when_the_gate_fails(workflow):
    after = steps(workflow)[[step["name"] for step in steps(workflow)].index("Gate") + 1 :]
    assert [step["name"] for step in after] == ["Show the summary", "Keep the results", "Comment"]
    assert all("always()" in step["if"] for step in after)


def test_its_gate_runs_as_written(workflow, tiny_model, onnx_artifact, tiny_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_model, tmp_path / workflow["env"]["BASELINE"])
    shutil.copytree(onnx_artifact, tmp_path / workflow["env"]["CANDIDATE"])
    (tmp_path / "data").mkdir()
    shutil.copy(tiny_data, tmp_path / workflow["env"]["DATA"])
    (words,) = commands(workflow)
    assert words[0] == "gate"
    with pytest.raises(SystemExit) as stopped:
        main([*words, "--threads", "1"])
    assert stopped.value.code == 0
    assert {"gate.xml", "gate.md"} <= {path.name for path in tmp_path.iterdir()}
    assert [suite.attrib["name"] for suite in parsed(Path("gate.xml").read_text(encoding="utf-8"))] == [
        "languages", "floors"
    ]  # fmt: skip


# The guide


def guide_commands():
    guide = (WORKFLOW.parents[2] / "docs" / "gate.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", guide, flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("line", guide_commands())
def test_the_guide_s_commands_exist(line):
    words = shlex.split(line)
    assert words[0] == "leanglot"
    app = typer.main.get_command(make_app())
    context = app.make_context("leanglot", words[1:], resilient_parsing=True)
    command = app.get_command(context, words[1])
    parsed_context = command.make_context(words[1], words[2:])
    assert parsed_context.args == []
    given = {name for name in parsed_context.params if was_typed(parsed_context, name)}
    assert len(given) == sum(word.startswith("--") for word in dict.fromkeys(words)) + POSITIONAL[words[1]]


def test_the_guide_names_only_options_that_there_are():
    guide = (WORKFLOW.parents[2] / "docs" / "gate.md").read_text(encoding="utf-8")
    app = typer.main.get_command(make_app())
    context = typer.Context(app)
    commands = [app.get_command(context, name) for name in ("gate", "compare", "report", "recommend", "evaluate")]
    known = {option for command in commands for each in command.params for option in each.opts}
    assert set(re.findall(r"--[a-z][a-z-]+", guide)) <= known
