"""The files of deploy/: what linters and schemas can find, and whether they fit the server and each other.

Images are not built and clusters not started here; what those files tell the server is given to the server.
"""

import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import typer
import yaml
from scraping import DASHBOARD, DEPLOY, dashboard_queries, rules

from leanglot.cli import make_app
from leanglot.serve.app import create_app
from leanglot.serve.settings import ServeSettings
from serve_promtool import promtool

ROOT = DEPLOY.parent
ONLY_INSTALLED = Path(__file__).parent / "only_installed.py"


def documents(name):
    return list(yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8")))


COMPOSE = documents("compose.yaml")[0]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
KUBERNETES = documents("kubernetes/leanglot.yaml")
KSERVE = documents("kubernetes/kserve.yaml")


def instruction(name):
    """The JSON list of the last instruction of this name."""
    return json.loads(re.findall(rf"^{name} (\[.*\])$", DOCKERFILE, re.MULTILINE)[-1])


def container(document):
    spec = document["spec"]
    return (spec["template"]["spec"] if "template" in spec else spec)["containers"][0]


DEPLOYMENT = next(container(each) for each in KUBERNETES if each["kind"] == "Deployment")
RUNTIME = next(container(each) for each in KSERVE if each["kind"] == "ServingRuntime")


def run(*command, cwd=DEPLOY):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def tool(name):
    path = Path(sys.executable).parent / name
    found = str(path) if path.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"no {name}: pip install '.[dev]'")
    return found


class NoModel:
    """An engine of which nothing is asked."""

    name = "none"

    def answer(self, texts, languages):
        raise AssertionError


def routes():
    from leanglot.serve.quiet_telemetry import QuietTelemetry

    return set(create_app(NoModel(), ServeSettings(), QuietTelemetry()).openapi()["paths"])


def options(arguments):
    """What the command line makes of a container's arguments; faults end the test."""
    command = typer.main.get_command(make_app())
    serve = command.get_command(click.Context(command), "serve")
    return serve.make_context("serve", list(arguments)).params


def test_promtool_accepts_the_configuration():
    said = run(promtool(), "check", "config", "prometheus/prometheus.yml")
    assert f"SUCCESS: {len(rules())} rules found" in said


def test_the_rules_pass_their_own_tests():
    assert "SUCCESS" in run(promtool(), "test", "rules", "prometheus/alerts.test.yml")


def test_every_alert_has_a_test_that_sees_it_open():
    cases = documents("prometheus/alerts.test.yml")[0]["tests"]
    seen = {one["alertname"] for case in cases for one in case["alert_rule_test"] if one["exp_alerts"]}
    assert seen == {rule["alert"] for rule in rules() if "alert" in rule}


@pytest.mark.parametrize("rule", [rule for rule in rules() if "alert" in rule], ids=lambda rule: rule["alert"])
def test_every_alert_says_what_and_what_to_do(rule):
    assert {"summary", "description", "runbook"} <= set(rule["annotations"])
    assert rule["labels"]["severity"] in {"critical", "warning"}


def test_hadolint_finds_no_fault():
    run(tool("hadolint"), "Dockerfile")


def test_the_image_gets_all_that_it_copies():
    kept = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in shlex.split(line)[:-1]
    ]
    assert copied
    assert set(copied) == kept
    assert [source for source in copied if not (ROOT / source).exists()] == []


def test_the_image_runs_as_nobody_special():
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert DEPLOYMENT["securityContext"]["allowPrivilegeEscalation"] is False


def test_the_image_asks_its_own_health():
    asked = re.search(r"http://127\.0\.0\.1:(\d+)(/[a-z0-9/]+)", DOCKERFILE)
    assert int(asked[1]) == options(instruction("CMD"))["port"]
    assert asked[2] in routes()


@pytest.mark.parametrize(
    "arguments", [instruction("CMD"), DEPLOYMENT["args"], RUNTIME["args"]], ids=["image", "kubernetes", "kserve"]
)
def test_the_server_understands_what_it_is_told(arguments):
    found = options(arguments)
    assert instruction("ENTRYPOINT") == ["leanglot", "serve"]
    assert found["host"] == "0.0.0.0"  # noqa: S104 - within the container
    assert (found["state"] is None) or found["log"] is not None


def test_the_image_needs_no_more_than_it_installs(onnx_artifact, tmp_path):
    """The server answers, watches and ends, while nothing but deploy/requirements.txt can be imported."""
    arguments = [str(onnx_artifact), "--port", "0", "--log", str(tmp_path / "log"), "--state", str(tmp_path / "state")]
    command = [sys.executable, str(ONLY_INSTALLED), str(DEPLOY / "requirements.txt"), "serve", *arguments]
    from scraping import ask

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            address = re.search(r"http://\S+", line)
            assert address, process.communicate(timeout=60)[1]
            answer = ask(f"{address[0]}/predict", {"texts": ["filler-1 de-lights-1"], "languages": ["de"]})
            assert len(answer["predictions"]) == 1
            assert ask(f"{address[0]}/dashboard/data")["snapshot"]["name"] == ""
        finally:
            process.terminate()
        assert process.wait(60) == 0


def test_what_the_image_installs_is_pinned():
    lines = (DEPLOY / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = {line for line in lines if line and not line.startswith("#")}
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in constraints}
    assert wanted - pinned == set()


def test_the_compose_file_mounts_what_exists():
    mounts = [
        (service, mount.split(":"))
        for service, facts in COMPOSE["services"].items()
        for mount in facts["volumes"]
        if not mount.startswith("$")
    ]
    for service, (source, target, *_) in mounts:
        known = source in COMPOSE["volumes"] if not source.startswith(".") else (DEPLOY / source).exists()
        assert known, f"{service}: {source}"
        assert target.startswith("/")
    targets = {target for _, (_, target, *_) in mounts}
    provider = documents("grafana/provisioning/dashboards/leanglot.yml")[0]["providers"][0]
    assert provider["options"]["path"] in targets
    volume = re.search(r"^VOLUME (\S+)$", DOCKERFILE, re.MULTILINE)[1]
    assert volume in targets


def test_services_find_each_other():
    services = COMPOSE["services"]
    scrape = documents("prometheus/prometheus.yml")[0]["scrape_configs"][0]
    host, port = scrape["static_configs"][0]["targets"][0].split(":")
    assert scrape["job_name"] == "leanglot"
    assert host in services
    assert int(port) == options(instruction("CMD"))["port"]
    source = documents("grafana/provisioning/datasources/prometheus.yml")[0]["datasources"][0]
    assert source["url"] == "http://prometheus:9090"
    for facts in services.values():
        assert all(port.startswith("127.0.0.1:") for port in facts["ports"])
        assert set(facts.get("depends_on", ())) <= set(services)


def test_containers_have_longer_to_end_than_the_server_takes():
    grace = options(instruction("CMD"))["grace"]
    pod = next(each for each in KUBERNETES if each["kind"] == "Deployment")["spec"]["template"]["spec"]
    assert int(COMPOSE["services"]["server"]["stop_grace_period"].rstrip("s")) >= grace + 10
    assert pod["terminationGracePeriodSeconds"] >= grace + 10


def test_kubernetes_knows_every_field():
    run(tool("kubernetes-validate"), "--strict", "kubernetes/leanglot.yaml")


def test_probes_and_ports_are_the_server_s():
    known = routes()
    for found in (DEPLOYMENT, RUNTIME):
        probes = [found[name]["httpGet"] for name in found if name.endswith("Probe")]
        assert {probe["path"] for probe in probes} <= known
        port = options(found["args"])["port"]
        assert found["ports"][0]["containerPort"] == port
        assert {probe["port"] for probe in probes} <= {port, found["ports"][0]["name"]}
    labels = {"app.kubernetes.io/name": "leanglot"}
    service = next(each for each in KUBERNETES if each["kind"] == "Service")
    deployment = next(each for each in KUBERNETES if each["kind"] == "Deployment")
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"] == labels
    assert service["spec"]["ports"][0]["targetPort"] == DEPLOYMENT["ports"][0]["name"]


def test_mounts_of_the_pod_are_its_volumes():
    pod = next(each for each in KUBERNETES if each["kind"] == "Deployment")["spec"]["template"]["spec"]
    assert {mount["name"] for mount in DEPLOYMENT["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    places = {mount["mountPath"] for mount in DEPLOYMENT["volumeMounts"] if not mount.get("readOnly")}
    written = options(DEPLOYMENT["args"])
    assert {str(written[name].parent) for name in ("log", "state")} <= places


def test_kserve_asks_for_the_open_inference_protocol():
    runtime = next(each for each in KSERVE if each["kind"] == "ServingRuntime")
    service = next(each for each in KSERVE if each["kind"] == "InferenceService")
    assert (runtime["apiVersion"], service["apiVersion"]) == (
        "serving.kserve.io/v1alpha1",
        "serving.kserve.io/v1beta1",
    )
    model = service["spec"]["predictor"]["model"]
    assert model["protocolVersion"] in runtime["spec"]["protocolVersions"]
    assert model["runtime"] == runtime["metadata"]["name"]
    assert model["modelFormat"]["name"] in {each["name"] for each in runtime["spec"]["supportedModelFormats"]}
    assert RUNTIME["name"] == "kserve-container"
    assert RUNTIME["args"][0] == "/mnt/models"


def test_panels_of_the_dashboard_have_their_own_numbers_and_places():
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(set(numbers)) == len(numbers)
    places = [panel["gridPos"] for panel in board["panels"]]
    for one, other in itertools.combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)
    assert all(place["x"] + place["w"] <= 24 for place in places)


def test_the_dashboard_knows_no_variable_but_its_own():
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    own = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board["panels"]))) - {"__rate_interval"}
    assert used == own
    assert len(list(dashboard_queries())) > 30
