"""The golden report with pruning, a trimmed vocabulary and the steps of a chain: run as a script, it writes it.

It is the first golden report with what pruning and trimming tell: ``report-v1-shaped.json`` and ``.md``; beside it is
the first record of a search for sparsity, ``sparsity-v1.json``.
"""

from build_report import FOLDER, build

from leanglot.decide.verdict import judge
from leanglot.report.markdown import render_markdown
from leanglot.results.records import Candidate, RunReport
from leanglot.results.shaping import PruningFacts, TokenChange, VocabularyFacts
from leanglot.results.sparsity import KindResult, Probe, SparsitySearch
from leanglot.techniques import FfnPruning, HeadPruning, Importance, Int8, MagnitudePruning, TrimVocabulary

NAME = "report-v1-shaped"
SEARCH = "sparsity-v1"
CHAIN = ("original", "onnx", "small.1-trim-vocabulary", "small.2-heads", "small.3-ffn", "small")
RECIPE = (
    TrimVocabulary(languages=None, coverage=1.0),
    HeadPruning(sparsity=0.25, importance=Importance(combine="traffic", traffic={"de": 0.6, "th": 0.4})),
    FfnPruning(sparsity=0.5, scope="layer", multiple=64),
    Int8(embeddings=True),
)
HEADS = PruningFacts(
    technique="heads",
    target=0.25,
    actual=0.25,
    removed=36,
    total=144,
    kept_by_layer=(11, 9, 7, 6, 7, 5, 9, 9, 9, 12, 12, 12),
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
ZEROS = PruningFacts(technique="magnitude", target=0.5, actual=0.5, removed=10_698_624, total=21_397_248)


def build_shaped() -> RunReport:
    """The first golden report, its candidates the steps of a chain, and one with zeros."""
    golden = build()
    tags = tuple(golden.data.examples)
    cut = VocabularyFacts(
        languages=tuple(tag for tag in tags if tag != "th"),
        pieces_before=250_037,
        pieces_after=24_102,
        texts={tag: 12 if tag == "sw" else 4_000 for tag in tags if tag != "th"},
        expected_missing={tag: {"sw": 0.062, "ur": None}.get(tag, 0.0004) for tag in tags if tag != "th"},
    )
    tokens = {tag: change(tag) for tag in tags if tag != "fr"}
    trimmed = {"vocabulary": cut, "tokens": tokens}
    donors = {name: golden.candidate(name) for name in ("original", "onnx", "magnitude-30", "magnitude-70", "int8")}
    candidates = (
        donors["original"].model_copy(update={"compressed_bytes": 249_493_061}),
        donors["onnx"],
        step(donors["onnx"], 1, 126.4, 28.9, trimmed),
        step(donors["onnx"], 2, 119.9, 27.0, trimmed | {"pruning": (HEADS,)}),
        step(donors["magnitude-30"], 3, 91.5, 21.3, trimmed | {"pruning": (HEADS, FFN)}),
        step(donors["int8"], 4, 25.1, 7.4, trimmed | {"pruning": (HEADS, FFN)}),
        donors["magnitude-70"].model_copy(
            update={
                "recipe": (MagnitudePruning(pattern="2:4"),),
                "pruning": (ZEROS,),
                "compressed_bytes": 217_291_055,
            }
        ),
    )
    update = {"candidates": candidates, "chains": {"small": CHAIN}, "recommendations": {}, "repairs": {}}
    return golden.model_copy(update=update)


def change(tag: str) -> TokenChange:
    """How the trimmed tokenizer splits texts of a language; Hindi pays, and Thai was not cut for."""
    after = {"hi": 13.75, "th": 31.0}.get(tag, 12.5)
    unknown = 0.003 if tag == "th" else 0.0
    same = {"hi": 0.9, "th": 0.02}.get(tag, 0.9993)
    return TokenChange(texts=150, before=12.5, after=after, unknown_before=0.0, unknown_after=unknown, same=same)


def step(source: Candidate, length: int, megabytes: float, p50: float, told: dict[str, object]) -> Candidate:
    """A candidate of the chain, its qualities those of another."""
    assert source.latency_ms is not None
    latency = source.latency_ms.model_copy(update={"p50": p50})
    updates: dict[str, object] = {"name": CHAIN[length + 1], "recipe": RECIPE[:length], "latency_ms": latency}
    updates |= {"size_bytes": round(megabytes * 1e6), "speedup": 41.2 / p50, "size_reduction": 1 - megabytes / 471.3}
    return source.model_copy(update=updates | told)


def build_search() -> SparsitySearch:
    """A search with a kind that was found, one that was not, and a language with too few examples."""
    languages = ["de"] * 200 + ["sw"] * 10
    whole, cut = [1] * 209 + [0], [1] * 199 + [0] * 2 + [1] * 8 + [0]
    baseline = {"de": 1.0, "sw": 0.9}
    within = probe("heads", 0.25, {"de": 0.995, "sw": 0.8}, within=True)
    beyond = probe("heads", 0.5, {"de": 0.98, "sw": 0.9}, within=False)
    return SparsitySearch(
        model="tiny",
        max_drop=0.01,
        worst_language=True,
        alpha=0.05,
        baseline=baseline,
        examples={"de": 200, "sw": 10},
        undecided=("sw",),
        results=(
            KindResult(
                kind="heads",
                outcome="found",
                sparsity=0.25,
                reason="Up to 25% of heads no language with enough examples drops by more than 1 point.",
                verdicts=judge(whole, cut, languages),
                probes=(within, beyond),
            ),
            KindResult(
                kind="layers",
                outcome="none",
                sparsity=None,
                reason="The smallest share that was tried is too much already.",
                probes=(probe("layers", 0.5, {"de": 0.5, "sw": 0.5}, within=False),),
            ),
        ),
        notes=("More sparsity is taken to hurt more.",),
    )


def probe(kind: str, sparsity: float, accuracy: dict[str, float], *, within: bool) -> Probe:
    """What was tried."""
    macro = sum(accuracy.values()) / len(accuracy)
    return Probe(
        kind=kind,
        sparsity=sparsity,
        actual=sparsity,
        accuracy=accuracy,
        macro_accuracy=macro,
        within=within,
        exceeded=() if within else ("de",),
    )


if __name__ == "__main__":
    report = build_shaped()
    (FOLDER / f"{NAME}.json").write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (FOLDER / f"{NAME}.md").write_text(render_markdown(report), encoding="utf-8")
    (FOLDER / f"{SEARCH}.json").write_text(build_search().model_dump_json(indent=1) + "\n", encoding="utf-8")
