"""A real Prometheus scrapes a real server: every query of the dashboard finds something, and the right alert comes.

One server of the tiny model, with a log, a state and a shadow; German is answered and then labelled wrongly, English is
never labelled, and nothing else is out of order.
"""

import json
import random
import shutil
import time
from collections import defaultdict

import pytest
from scraping import ask, dashboard_queries, rules, scraped, selectors, served, until

from leanglot.cli import main
from tiny_rows import rows as make_rows

pytestmark = pytest.mark.slow

EXAMPLES = {"de": 300, "en": 300, "th": 30}
ROUNDS = 50
QUERIES = tuple(dashboard_queries())


def by_language(rows):
    found = defaultdict(list)
    for row in rows:
        found[row["language"]].append(row)
    return found


@pytest.fixture(scope="module")
def artifact(onnx_artifact, tmp_path_factory):
    """The tiny model's artifact with the baseline of some hundred sentences."""
    folder = tmp_path_factory.mktemp("watched")
    artifact = shutil.copytree(onnx_artifact, folder / "artifact")
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in make_rows(EXAMPLES, seed=5)), encoding="utf-8")
    main_ended(["evaluate", str(artifact), "--data", str(data), "--save-baseline"])
    return artifact


def main_ended(arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code in {0, None}


def send(address, rows, rng, rounds):
    """Traffic in three languages; German with labels that are never right."""
    labels = sorted({row["label"] for found in rows.values() for row in found})
    for _ in range(rounds):
        chosen = [rng.choice(rows[language]) for language in ("de", "de", "de", "de", "en", "en", "en", "en", "th")]
        body = {"texts": [row["text"] for row in chosen], "languages": [row["language"] for row in chosen]}
        answers = ask(f"{address}/predict", body)["predictions"]
        for answer in answers:
            if answer["language"] == "de":
                wrong = next(label for label in labels if label != answer["label"])
                ask(f"{address}/labels", {"id": answer["id"], "label": wrong})


@pytest.fixture(scope="module")
def watched(artifact, torch_artifact, tmp_path_factory):
    """Prometheus, after it has scraped the server through all of its traffic."""
    folder = tmp_path_factory.mktemp("prometheus")
    log = folder / "log.jsonl"
    options = ("--log", log, "--state", folder / "state", "--shadow", torch_artifact, "--shadow-share", "0.5")
    with served(artifact, "--threads", "1", *options) as (_, address), scraped(folder, address) as prometheus:
        assert until(lambda: prometheus.query('up{job="leanglot"} == 1'))
        with log.open("ab") as file:
            file.write(b"no line of a log\n")
        rows, rng = by_language(make_rows(EXAMPLES, seed=6)), random.Random(7)
        # Rates need a scrape amid the traffic too: what its first scrape finds is no increase.
        send(address, rows, rng, ROUNDS // 2)
        assert until(lambda: prometheus.query("count(leanglot_shadow_predictions_total) == 3"))
        send(address, rows, rng, ROUNDS - ROUNDS // 2)
        assert until(lambda: prometheus.query('leanglot_alert_open{language="de", signal="accuracy"}'))
        # Rates need two scrapes after everything was seen.
        seen = time.time()
        assert until(lambda: prometheus.query("timestamp(leanglot_build_info)")[0]["value"][1] > str(seen + 3))
        yield prometheus


@pytest.mark.parametrize(("panel", "query"), QUERIES, ids=[panel for panel, _ in QUERIES])
def test_every_query_of_the_dashboard_finds_something(watched, panel, query):
    found = until(lambda: watched.query(query), seconds=20)
    assert found, f"{panel}: {query}"
    assert {"NaN", "+Inf"}.isdisjoint(series["value"][1] for series in found) or "histogram_quantile" in query


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_every_metric_of_the_rules_is_there_with_the_labels_asked_of_it(watched, rule):
    asked = list(selectors(rule["expr"]))
    assert asked
    for name, labels in asked:
        series = [found["metric"] for found in until(lambda name=name: watched.query(name), seconds=20)]
        assert series, name
        assert labels <= {label for metric in series for label in metric}, name


def test_prometheus_can_evaluate_every_rule(watched):
    assert watched.rule_faults() == []


def test_the_alert_of_the_language_that_fell_comes_and_no_other_of_a_language(watched):
    def fell():
        return [alert for alert in watched.alerts() if alert["alertname"] == "LeanglotAccuracyFell"]

    alerts = until(fell)
    assert {(alert["language"], alert["signal"]) for alert in alerts} == {("de", "accuracy")}
    names = {alert["alertname"] for alert in watched.alerts()}
    # A slow machine may be slow; nothing else is out of order.
    assert names <= {"LeanglotAccuracyFell", "LeanglotSlow"}


def test_counts_are_those_of_the_traffic(watched):
    def value(query):
        return float(watched.query(query)[0]["value"][1])

    assert value("sum(leanglot_predictions_total)") == ROUNDS * 9
    assert value("sum(leanglot_monitored_predictions_total)") == ROUNDS * 9
    assert value('sum(leanglot_predictions_total{language="de"})') == ROUNDS * 4
    assert value("leanglot_labels_total") == ROUNDS * 4
    assert value('leanglot_accuracy{language="de"}') == 0
    assert value('sum(leanglot_requests_total{route="/predict", code="200"})') == ROUNDS
    # The shadow may still be at it.
    other_lines = "sum(leanglot_log_lines_total) - sum(leanglot_shadow_predictions_total)"
    assert until(lambda: value(other_lines) == ROUNDS * 13)
    assert 0 < value("sum(leanglot_shadow_predictions_total)") < ROUNDS * 9


def test_what_nobody_knows_is_absent(watched):
    assert watched.query('leanglot_accuracy{language=~"en|th"}') == []
    assert watched.query('leanglot_accuracy_estimate{language="th"}') == []
    assert watched.query('leanglot_accuracy_estimate{language="en"}') != []
