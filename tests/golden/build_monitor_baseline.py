"""Builds the golden baseline of monitoring: three languages of 250, 40 and 1 examples, of known answers."""

from pathlib import Path

import numpy as np

from leanglot.measure.monitor_baseline import build_monitor_baseline
from leanglot.results.monitor_baseline import MonitorBaseline
from leanglot.results.predictions import Predictions
from leanglot.runtimes.text_facts import TextFacts

GOLDEN = Path(__file__).with_name("monitor-baseline-v1.json")
LABELS = ("HassTurnOff", "HassTurnOn", "HassGetWeather")
EXAMPLES = {"de": 250, "sw": 1, "th": 40}
SCRIPTS = {"de": "Latn", "sw": "Latn", "th": "Thai"}


def build() -> MonitorBaseline:
    """The baseline, by arithmetic alone: no random generator may change it."""
    languages = [tag for tag, count in EXAMPLES.items() for _ in range(count)]
    places = np.arange(len(languages))
    right = [LABELS[place % 3] for place in places]
    wrong = places % (11) == 5
    predicted = [LABELS[(place + error) % 3] for place, error in zip(places, wrong, strict=True)]
    confidence = np.where(wrong, 0.35 + places % 50 / 100, 1 - (places % 97 + 1) ** 2 / 20_000)
    facts = [
        TextFacts(
            tokens=4 + place % 29,
            unknown=int(place % 40 == 7),
            characters=10 + place % 70,
            script="Zyyy" if place % 125 == 3 else SCRIPTS[tag],
            truncated=False,
        )
        for place, tag in zip(places.tolist(), languages, strict=True)
    ]
    answers = Predictions(places, tuple(languages), None, tuple(right), tuple(predicted), ~wrong, confidence)
    return build_monitor_baseline("int8", LABELS, "test.jsonl", answers, facts)


if __name__ == "__main__":
    GOLDEN.write_text(build().model_dump_json(indent=1) + "\n", encoding="utf-8")
