"""Builds the golden baseline of monitoring translations: two pairs of 120 and 31 sentences, of known outcomes."""

from pathlib import Path

import numpy as np

from leanglot.measure.monitor_baseline import build_translation_baseline
from leanglot.results.monitor_baseline import MonitorBaseline
from leanglot.results.translations import Translations
from leanglot.runtimes.text_facts import TextFacts

GOLDEN = Path(__file__).with_name("monitor-baseline-translation-v1.json")
PAIRS = {"en→de": 120, "en→zh": 31}
WORDS = {"en→de": "Licht ", "en→zh": "灯光在厨房里"}


def build() -> MonitorBaseline:
    """The baseline, by arithmetic alone: no random generator may change it."""
    pairs = tuple(pair for pair, count in PAIRS.items() for _ in range(count))
    n = len(pairs)
    places = np.arange(n)
    sources = tuple(f"Sentence number {place} speaks of lamp {place % 7}." for place in range(n))
    hypotheses = [f"{WORDS[pair]}{place} {WORDS[pair] * (place % 4)}" for place, pair in enumerate(pairs)]
    hypotheses[5], hypotheses[6], hypotheses[130] = "", sources[6], "Das Licht in der Wohnung"
    chrf = (places * 37 % 101) / 100
    translations = Translations(
        index=places,
        pair=pairs,
        group=None,
        source=sources,
        reference=("r",) * n,
        hypothesis=tuple(hypotheses),
        chrf=np.zeros((n, 18)),
        bleu=np.zeros((n, 10)),
        sentence_chrf=chrf,
        confidence=0.3 + 0.69 * chrf,
        tokens=places % 13 + 1,
        failed={"unfinished": places % 50 == 9},
    )
    facts = [
        TextFacts(5 + place % 17, int(place % 30 == 1), len(text), "Latn", truncated=False)
        for place, text in enumerate(sources)
    ]
    return build_translation_baseline("student", "test.jsonl", translations, facts)


if __name__ == "__main__":
    GOLDEN.write_text(build().model_dump_json(indent=1) + "\n", encoding="utf-8")
