"""A run with pruned candidates and a trimmed vocabulary, built upon the golden report."""

from leanglot.results.shaping import PruningFacts, TokenChange, VocabularyFacts
from leanglot.techniques import Int8, MagnitudePruning

HEADS = PruningFacts(
    technique="heads",
    target=0.5,
    actual=0.5,
    removed=72,
    total=144,
    kept_by_layer=(8, 6, 7, 5, 6, 7, 8, 6, 6, 5, 4, 4),
    before_by_layer=(12,) * 12,
)
FFN = PruningFacts(
    technique="ffn",
    target=0.5,
    actual=0.5,
    removed=9216,
    total=18432,
    kept_by_layer=(768,) * 12,
    before_by_layer=(1536,) * 12,
)
LAYERS = PruningFacts(
    technique="layers", target=None, actual=0.5, removed=6, total=12, kept_by_layer=(0, 2, 4, 6, 8, 10)
)
HALF = PruningFacts(technique="magnitude", target=0.5, actual=0.4998, removed=10_694_345, total=21_397_248)
UNSERVED = ("th", "lb")


def trimmed(tags):
    """A vocabulary cut for all but two languages: one had a single text, one a few, one was cut on its judged texts."""
    served = tuple(tag for tag in tags if tag not in UNSERVED)
    facts = VocabularyFacts(
        languages=served,
        pieces_before=250_037,
        pieces_after=19_804,
        texts={tag: {"sw": 12, "ur": 1}.get(tag, 400) for tag in served},
        expected_missing={tag: {"sw": 0.062, "ur": None}.get(tag, 0.004) for tag in served},
    )
    tokens = {
        tag: TokenChange(
            texts=150, before=12.5, after=13.75 if tag == "hi" else 12.5, unknown_before=0.0,
            unknown_after=0.003 if tag == "th" else 0.00001, same=0.9999,
        )
        for tag in tags
        if tag not in ("lb", "fr")
    }  # fmt: skip
    return facts, tokens


def shaped_run(golden):
    """The golden run with pruned candidates, a trimmed vocabulary that two share, and what gzip makes of zeros."""
    facts, tokens = trimmed(tuple(golden.data.examples))
    updates = {
        "original": {"compressed_bytes": 249_493_061},
        "onnx": {"vocabulary": facts, "tokens": tokens},
        "int8": {"vocabulary": facts, "tokens": tokens, "pruning": (HEADS, FFN, LAYERS)},
        "int8-embeddings": {"pruning": (HEADS,), "speedup": None},
        "magnitude-30": {
            "pruning": (HALF,), "compressed_bytes": 217_291_055, "recipe": (MagnitudePruning(pattern="2:4"),)
        },
        "magnitude-70": {"pruning": (HALF, FFN), "recipe": (MagnitudePruning(sparsity=0.5), Int8())},
        "magnitude-50-int8": {"pruning": (HALF,), "vocabulary": facts},
    }  # fmt: skip
    return with_updates(golden, updates)


def with_updates(report, updates):
    """The report with other values in the candidates of these names."""
    candidates = tuple(each.model_copy(update=updates.get(each.name, {})) for each in report.candidates)
    return report.model_copy(update={"candidates": candidates})
