"""Candidates with answers, and prices, for the tests of what they cost."""

import numpy as np

from leanglot.config.costs import Costs
from leanglot.results.predictions import Predictions
from leanglot.results.records import Candidate, LanguageResult


def answers(errors, n=200, group=None):
    """Predictions with so many errors in each language, the first examples being the wrong ones."""
    languages = [tag for tag in errors for _ in range(n)]
    correct = np.concatenate([np.arange(n) >= wrong for wrong in errors.values()])
    return Predictions(
        index=np.arange(len(languages)),
        language=tuple(languages),
        group=group,
        label=("on",) * len(languages),
        predicted=tuple("on" if right else "off" for right in correct),
        correct=correct,
        confidence=None,
    )


def candidate(name, errors, status="unrefuted", throughput=100.0, n=200, accuracy=None):
    """A candidate whose record counts those errors."""
    wrong = sum(errors.values())
    total = n * len(errors)
    return Candidate(
        name=name,
        runtime="onnxruntime",
        status=status,
        throughput_per_s=throughput,
        accuracy=(1 - wrong / total) if accuracy is None and total else accuracy,
        languages={
            tag: LanguageResult(n=n, baseline=0.9, candidate=1 - count / n, drop=0.0) for tag, count in errors.items()
        },
    )


def costs(**changes):
    """100,000 predictions in two languages; a machine costs 730 in a month and carries 60 predictions a second."""
    values = {
        "monthly_predictions": 100_000,
        "traffic": {"de": 0.75, "sw": 0.25},
        "error_cost": {"de": 0.1, "sw": 0.4},
        "infrastructure": {"price_per_hour": 1.0, "peak_per_second": 150},
    }
    return Costs.model_validate({key: value for key, value in (values | changes).items() if value is not None})
