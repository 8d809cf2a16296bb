"""Labelled sentences in four languages that a tiny model can learn: filler words around one that tells the label."""

import random

from tiny_models import LABELS

LANGUAGES = {"de": 90, "en": 60, "th": 30, "sw": 1}
FILLERS = 400
_WORDS_PER_LABEL = 8


def words_of(language: str, label: str) -> list[str]:
    """The words that give a label away in a language."""
    return [f"{language}-{label}-{number}" for number in range(_WORDS_PER_LABEL)]


def sentence(language: str, label: str, rng: random.Random) -> str:
    """Filler words around one word that tells the label."""
    words = [f"filler-{rng.randrange(FILLERS)}" for _ in range(rng.randint(2, 14))]
    words.insert(rng.randrange(len(words) + 1), rng.choice(words_of(language, label)))
    return " ".join(words)


def rows(counts: dict[str, int], seed: int) -> list[dict[str, str]]:
    """Labelled sentences, grouped by threes."""
    rng = random.Random(seed)
    made = []
    for language, count in counts.items():
        for number in range(count):
            label = LABELS[number % len(LABELS)]
            text = sentence(language, label, rng)
            made.append({"text": text, "label": label, "language": language, "group": f"{language}/{number // 3}"})
    return made
