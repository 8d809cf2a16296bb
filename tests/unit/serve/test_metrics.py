"""The server's metrics: values, bounded labels, absent evidence, and what promtool says of them."""

import re
import subprocess
from pathlib import Path

import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient
from telling import alert, answer, health, snapshot

from leanglot.results.monitoring import Share
from leanglot.serve.answers import Batch
from leanglot.serve.metrics import LabelValues, Metrics, metrics_router
from serve_promtool import promtool


@pytest.fixture
def metrics():
    return Metrics("int8", "0.1.0", languages=("de", "sw"))


def samples(metrics):
    """Value by name and labels, of every sample exposed."""
    text = metrics.exposition()[0].decode()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_answers_count_by_language_and_variant(metrics):
    metrics.answered(
        [answer(), answer("a2", language="sw", variant="fp32", tokens=11, unknown=2, truncated=True)], 0.004
    )
    found = samples(metrics)
    assert found["leanglot_predictions_total", ("language", "de"), ("variant", "int8")] == 1
    assert found["leanglot_predictions_total", ("language", "sw"), ("variant", "fp32")] == 1
    assert found["leanglot_tokens_total", ("language", "sw")] == 11
    assert found["leanglot_unknown_tokens_total", ("language", "sw")] == 2
    assert found["leanglot_truncated_texts_total", ("language", "sw")] == 1
    assert ("leanglot_unknown_tokens_total", ("language", "de")) not in found
    assert found["leanglot_prediction_seconds_bucket", ("language", "de"), ("le", "0.0025")] == 0
    assert found["leanglot_prediction_seconds_bucket", ("language", "de"), ("le", "0.005")] == 1
    assert found["leanglot_confidence_bucket", ("language", "de"), ("le", "0.8")] == 0
    assert found["leanglot_confidence_bucket", ("language", "de"), ("le", "0.9")] == 1


def test_an_answer_in_no_known_language_is_undetermined(metrics):
    metrics.answered([answer(language=None)], 0.1)
    assert samples(metrics)["leanglot_predictions_total", ("language", "und"), ("variant", "int8")] == 1


def test_requests_batches_queue_and_refusals(metrics):
    metrics.requested("/predict", 200, 0.003)
    metrics.requested("/predict", 503, 0.0001)
    metrics.batched(Batch("int8", texts=3, tokens=30, padded=36, seconds=0.02))
    metrics.queued(2, 9)
    metrics.refused("queue full")
    metrics.labelled()
    metrics.logged(3)
    metrics.log_dropped("disk full", 2)
    metrics.shadowed("de", flipped=False)
    metrics.shadowed("de", flipped=True)
    metrics.shadow_dropped("queue full", 4)
    found = samples(metrics)
    assert found["leanglot_requests_total", ("code", "503"), ("route", "/predict")] == 1
    assert found["leanglot_request_seconds_count", ("route", "/predict")] == 2
    assert found["leanglot_batch_texts_sum", ("variant", "int8")] == 3
    assert found["leanglot_batch_tokens_sum", ("variant", "int8")] == 30
    assert found["leanglot_padding_tokens_total", ("variant", "int8")] == 6
    assert found["leanglot_queue_texts",] == 9
    assert found["leanglot_queue_requests",] == 2
    assert found["leanglot_refused_total", ("reason", "queue full")] == 1
    assert found["leanglot_labels_total",] == 1
    assert found["leanglot_log_lines_total",] == 3
    assert found["leanglot_log_dropped_lines_total", ("reason", "disk full")] == 2
    assert found["leanglot_shadow_predictions_total", ("language", "de")] == 2
    assert found["leanglot_shadow_flips_total", ("language", "de")] == 1
    assert found["leanglot_shadow_dropped_texts_total", ("reason", "queue full")] == 4
    assert found["process_resident_memory_bytes",] > 1e6
    assert found["leanglot_build_info", ("name", "int8"), ("version", "0.1.0")] == 1


def test_languages_beyond_the_limit_are_other_and_judged_ones_are_not():
    metrics = Metrics("int8", "0.1.0", languages=("sw",), limit=4)
    for tag in ("aa", "ab", "ace", "ach", "sw"):
        metrics.answered([answer(language=tag)], 0.1)
    found = {key[1][1] for key in samples(metrics) if key[0] == "leanglot_tokens_total"}
    assert found == {"aa", "ab", "other", "sw"}


def test_label_values_never_exceed_their_limit():
    values = LabelValues(2)
    assert [values.of(name) for name in ("a", "b", "c", "a", "d")] == ["a", "b", "other", "a", "other"]


def test_series_do_not_grow_with_what_callers_send(metrics):
    for number in range(500):
        metrics.requested(f"/{number}", 404, 0.1)
        metrics.answered([answer(language=f"x-{number}")], 0.1)
        metrics.refused(str(number))
    found = [key for key in samples(metrics) if key[0] == "leanglot_requests_total"]
    assert len(found) == 51
    assert len([key for key in samples(metrics) if key[0] == "leanglot_tokens_total"]) <= 201


def test_what_the_monitor_does_not_know_is_absent(metrics):
    known = health(
        "alert",
        accuracy=Share(n=900, value=0.8, low=0.77, high=0.83),
        estimate=Share(n=900, value=0.82, low=0.7, high=0.9),
        baseline_accuracy=0.9,
        detectable_drop=0.03,
    )
    languages = {"sw": known, "de": health("not enough data")}
    alerts = [alert("sw"), alert("sw", "estimate"), alert("de", ended=True)]
    metrics.watch(lambda: snapshot(languages, alerts, counters={"broken_lines": 4}))
    found = samples(metrics)
    assert found["leanglot_accuracy", ("language", "sw")] == 0.8
    assert found["leanglot_accuracy_low", ("language", "sw")] == 0.77
    assert found["leanglot_accuracy_estimate", ("language", "sw")] == 0.82
    assert found["leanglot_accuracy_baseline", ("language", "sw")] == 0.9
    assert found["leanglot_detectable_drop", ("language", "sw")] == 0.03
    assert found["leanglot_alert_open", ("language", "sw"), ("signal", "accuracy")] == 1
    assert found["leanglot_alert_open", ("language", "sw"), ("signal", "estimate")] == 1
    assert found["leanglot_language_health", ("health", "alert"), ("language", "sw")] == 1
    assert found["leanglot_language_health", ("health", "quiet"), ("language", "sw")] == 0
    assert found["leanglot_monitored_predictions_total", ("language", "sw")] == 100
    assert found["leanglot_monitor_unusual_total", ("kind", "broken_lines")] == 4
    assert found["leanglot_monitor_newest_timestamp_seconds",] == 1793534400
    of_german = {key[0] for key in found if ("language", "de") in key}
    assert of_german == {"leanglot_language_health", "leanglot_monitored_predictions_total"}


def test_a_monitor_that_saw_nothing_has_no_newest_prediction(metrics):
    metrics.watch(lambda: snapshot(newest=None, began=None, predictions=0))
    assert ("leanglot_monitor_newest_timestamp_seconds",) not in samples(metrics)


@pytest.mark.parametrize(("counters", "up"), [({}, 1), ({"stopped": 1}, 0)])
def test_a_monitor_that_stopped_is_down(metrics, counters, up):
    metrics.watch(lambda: snapshot(counters=counters))
    assert samples(metrics)["leanglot_monitor_up",] == up


def test_the_route_answers_in_the_format_asked_for(metrics):
    app = FastAPI()
    app.include_router(metrics_router(metrics))
    client = TestClient(app)
    plain = client.get("/metrics", headers={"accept": ""})
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    asked = client.get("/metrics", headers={"accept": "application/openmetrics-text;version=1.0.0"})
    assert asked.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert asked.text.endswith("# EOF\n")
    strange = client.get("/metrics", headers={"accept": "text/plain;version=new"})
    assert strange.status_code == 200
    assert "_created" not in plain.text


def test_the_guide_names_every_metric(metrics):
    guide = (Path(__file__).parents[3] / "docs" / "deploy.md").read_text(encoding="utf-8")
    metrics.watch(snapshot)
    text = metrics.exposition()[0].decode()
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE leanglot_")}
    assert len(names) > 30
    named = set(re.findall(r"`(leanglot_\w+)`", guide))
    # Families are told as `leanglot_accuracy`, `_low`, `_high`.
    for first, others in re.findall(r"`(leanglot_\w+)`((?:, `_\w+`)+)", guide):
        for ending in re.findall(r"`(_\w+)`", others):
            named |= {first + ending, first.rsplit("_", 1)[0] + ending}
    assert names - named == set()


def test_promtool_finds_no_fault(metrics):
    metrics.answered([answer()], 0.1)
    metrics.batched(Batch("int8", 1, 7, 7, 0.01))
    metrics.requested("/predict", 200, 0.1)
    metrics.watch(
        lambda: snapshot({"sw": health("alert", accuracy=Share(n=9, value=0.5, low=0.2, high=0.8))}, [alert()])
    )
    text = metrics.exposition()[0]
    done = subprocess.run([promtool(), "check", "metrics"], input=text, capture_output=True, check=False)
    # The platform's own collector and the rules of the client library are not ours.
    said = [line for line in done.stderr.decode().splitlines() if line.startswith("leanglot")]
    assert said == []
    assert b"error while linting" not in done.stderr
