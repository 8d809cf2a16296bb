"""A small run to route: a baseline, a fast variant that harms Thai, a middling one."""

import numpy as np

from leanglot.config.costs import Costs, Infrastructure
from leanglot.config.deciding import RoutingConfig
from leanglot.decide.routing import Question
from leanglot.decide.verdict import judge
from leanglot.results.predictions import Predictions
from leanglot.results.records import Candidate, LanguageResult, Latency

TAGS = ("de", "en", "th")
N = 400


def answers(wrong, n=N, tags=TAGS):
    """Predictions with so many wrong answers by language, the first ones of each."""
    languages = tuple(tag for tag in tags for _ in range(n))
    correct = np.concatenate([np.arange(n) >= wrong.get(tag, 0) for tag in tags])
    return Predictions(
        index=np.arange(len(languages)),
        language=languages,
        group=None,
        label=("yes",) * len(languages),
        predicted=tuple("yes" if right else "no" for right in correct),
        correct=correct,
        confidence=None,
    )


def latency(p50, p95=None):
    missing = {} if p95 is not None else {"p95": "64 calls; p95 needs at least 130"}
    return Latency(n=200, mean=p50, std=0.1, p50=p50, p95=p95, p99=None, missing=missing)


def candidate(name, own, baseline=None, *, p50=1.0, p95=2.0, memory=100, throughput=100.0, **changes):
    """A candidate with its verdicts."""
    if baseline is None:
        rates = {tag: float(own.correct[np.array(own.language) == tag].mean()) for tag in dict.fromkeys(own.language)}
        languages = {tag: LanguageResult(n=N, baseline=rate, candidate=rate) for tag, rate in rates.items()}
        status = "baseline"
    else:
        verdicts = judge(baseline.correct, own.correct, own.language)
        languages = {tag: LanguageResult(**verdict.model_dump()) for tag, verdict in verdicts.items()}
        status = "rejected" if any(each.verdict == "harmed" for each in languages.values()) else "unrefuted"
    return Candidate(
        **{
            "name": name,
            "runtime": "onnxruntime",
            "artifact": f"candidates/{name}/artifact",
            "status": status,
            "latency_ms": latency(p50, p95),
            "peak_rss_bytes": memory,
            "throughput_per_s": throughput,
            "languages": languages,
        }
        | changes
    )


def question(config=None, costs=None, *, fast=None, **changes):
    """Three candidates: fast loses 60 Thai answers more than the baseline, middling none."""
    told = {"base": answers({"th": 40}), "fast": answers({"th": 100}), "middling": answers({"th": 40})}
    usual = {"p50": 5.0, "p95": 7.0, "memory": 300, "throughput": 40.0}
    candidates = [
        candidate("base", told["base"], p50=9.0, p95=12.0, memory=800, throughput=10.0),
        candidate("fast", told["fast"], told["base"], **(fast or {})),
        candidate("middling", told["middling"], told["base"], **usual),
    ]
    return Question(candidates, changes.pop("predictions", told), config or RoutingConfig(), costs, **changes)


def costs(**changes):
    """A month of one prediction a second on average, no peaks."""
    given = {
        "monthly_predictions": 2_628_000.0,
        "traffic": {"de": 0.5, "en": 0.3, "th": 0.2},
        "error_cost": 0.01,
        "infrastructure": Infrastructure(price_per_hour=1.0, peak_per_second=120.0, utilization=1.0, min_machines=1),
    }
    return Costs(**given | changes)
