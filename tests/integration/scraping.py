"""A real server and a real Prometheus that scrapes it, and the queries of deploy/ as Prometheus is asked them."""

import json
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import yaml

from serve_promtool import prometheus

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "leanglot.json"
# A metric's name, and the labels that are asked of it in braces.
_SELECTOR = re.compile(r"\b((?:leanglot|process|up|language:)[a-z0-9_:]*)\b(?:\{([^}]*)\})?")


def dashboard_queries(window="10m"):
    """Panel and query of every target, its variables set to everything."""
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            expr = target["expr"].replace("$__rate_interval", window)
            yield panel["title"], expr.replace("$instance", ".*").replace("$language", ".*")


def rules():
    """Every rule, alerts and records alike."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def selectors(expr):
    """Metrics that a query names, each with the labels it asks of them."""
    for name, asked in _SELECTOR.findall(expr):
        yield name, {part.split("=")[0].rstrip("!").strip() for part in asked.split(",") if "=" in part}


def ask(url, data=None):
    """The answer of a GET, or of a POST of JSON."""
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.loads(answer.read() or b"null")


class Prometheus:
    """A running Prometheus."""

    def __init__(self, address):
        self.address = address

    def is_ready(self):
        """Whether it answers queries; it listens some time before that."""
        try:
            with urllib.request.urlopen(f"{self.address}/-/ready", timeout=60) as answer:  # noqa: S310
                return answer.status == 200
        except urllib.error.HTTPError:
            return False

    def query(self, expr):
        """Series of an instant query."""
        found = ask(f"{self.address}/api/v1/query?" + urllib.parse.urlencode({"query": expr}))
        return found["data"]["result"]

    def alerts(self):
        """Name and labels of alerts that are pending or firing."""
        return [each["labels"] for each in ask(f"{self.address}/api/v1/alerts")["data"]["alerts"]]

    def rule_faults(self):
        """Rules that Prometheus could not evaluate."""
        groups = ask(f"{self.address}/api/v1/rules")["data"]["groups"]
        return [rule["name"] for group in groups for rule in group["rules"] if rule["health"] == "err"]


def until(check, seconds=120.0):
    """What the check gives once it is true; what it gives last where that never happens."""
    end = time.monotonic() + seconds
    while not (found := check()) and time.monotonic() < end:
        time.sleep(0.2)
    return found


@contextmanager
def served(*arguments):
    """Runs ``leanglot serve`` on a free port; gives the process and its address."""
    command = [sys.executable, "-m", "leanglot.cli", "serve", *map(str, arguments), "--port", "0"]
    with _running(command, stdout=subprocess.PIPE, text=True) as process:
        address = re.search(r"http://\S+", process.stdout.readline())
        assert address, "the server did not start"
        yield process, address[0]


@contextmanager
def scraped(folder, address):
    """Runs Prometheus with our rules, scraping a server every second."""
    host = address.removeprefix("http://")
    scrape = {"job_name": "leanglot", "static_configs": [{"targets": [host]}]}
    times = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config = {"global": times, "rule_files": [str(RULES)], "scrape_configs": [scrape]}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [prometheus(), f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    command.append("--web.listen-address=127.0.0.1:0")
    with _running(command, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if found := re.search(r'msg="Listening on" address=(\S+)', line):
                break
        else:
            raise AssertionError("Prometheus did not start")
        # Its log must not fill the pipe.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        started = Prometheus(f"http://{found[1]}")
        assert until(started.is_ready)
        yield started


@contextmanager
def _running(command, **pipes):
    process = subprocess.Popen(command, **pipes)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
