"""A run of a translation model as it is stored: seven language pairs, all kinds of verdicts, silent failures found."""

from datetime import UTC, datetime

from leanglot.results.records import (
    Candidate,
    DataSummary,
    Environment,
    LanguageResult,
    Latency,
    Recommendation,
    RunReport,
)
from leanglot.results.translation import FailureChange, Metric, PairQuality, TranslationQuality
from leanglot.techniques import Int8, MagnitudePruning, SequenceDistillation, SideLayers

CHRF = "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0"
BLEU = "nrefs:1|case:mixed|eff:no|tok:{}|smooth:exp|version:2.6.0"
METRIC = Metric(
    name="chrf",
    signature=CHRF,
    beside=Metric(
        name="bleu",
        signature=BLEU.format("13a"),
        pair_signatures={"en→ja": BLEU.format("char"), "en→zh": BLEU.format("zh")},
    ),
)
# Sentences, chrF and BLEU of the baseline, chrF of handing the source back.
PAIRS = {
    "en→de": (540, 0.5421, 0.3187, 0.2312),
    "de→en": (540, 0.5612, 0.3502, 0.2298),
    "en→fi": (410, 0.4893, 0.2104, 0.1907),
    "en→zh": (500, 0.2688, 0.3011, 0.0410),
    "en→ar": (320, 0.4417, 0.1875, 0.0316),
    "en→ja": (90, 0.2544, 0.2230, 0.0377),
    "en→sw": (5, 0.3310, 0.1204, 0.2105),
}
KINDS = ("wrong-language", "copied", "repetition", "empty", "length", "unfinished")
BASELINE_FAILURES = {"en→zh": (2, 1, 0, 0, 3, 0), "en→ar": (0, 1, 1, 0, 2, 1)}
DROPS = {
    "ctranslate2-int8": {
        "en→de": 0.0007, "de→en": -0.0004, "en→fi": 0.0011, "en→zh": 0.0016, "en→ar": 0.0008, "en→ja": 0.0021,
        "en→sw": 0.0,
    },
    "student-6-2-int8": {
        "en→de": 0.0046, "de→en": 0.0031, "en→fi": 0.0088, "en→zh": 0.0062, "en→ar": 0.0071, "en→ja": 0.0105,
        "en→sw": 0.0140,
    },
    "magnitude-70-int8": {
        "en→de": 0.0318, "de→en": 0.0266, "en→fi": 0.0702, "en→zh": 0.0571, "en→ar": 0.0489, "en→ja": 0.0512,
        "en→sw": 0.0610,
    },
}  # fmt: skip
WIDTHS = {"en→de": 0.0035, "de→en": 0.0034, "en→fi": 0.0050, "en→zh": 0.0052, "en→ar": 0.0066, "en→ja": 0.0204}


def run(metric: Metric = METRIC) -> RunReport:
    """The run, judged by chrF, or by the metric given."""
    baseline = _candidate("baseline", "baseline", metric)
    others = (
        _candidate("ctranslate2-int8", "unrefuted", metric, recipe=(Int8(),), size=66.2e6, p50=62.0),
        _candidate(
            "student-6-2-int8",
            "unrefuted",
            metric,
            recipe=(SideLayers(decoder=2), SequenceDistillation(), Int8()),
            size=47.9e6,
            p50=24.5,
        ),
        _candidate(
            "magnitude-70-int8",
            "rejected",
            metric,
            recipe=(MagnitudePruning(sparsity=0.7), Int8()),
            size=66.2e6,
            p50=61.1,
            changes=_changes(),
        ),
        Candidate(
            name="openvino-int8",
            recipe=(Int8(),),
            runtime="openvino",
            status="failed",
            reason="RecipeError: OpenVINO does not run this family.",
        ),
    )
    reason = "student-6-2-int8 is 14.90× as fast and 83% smaller against the baseline; chrF falls by 0.6 points."
    return RunReport(
        created_at=datetime(2025, 2, 3, 12, 30, tzinfo=UTC),
        environment=Environment(
            cpu="Example CPU 8375C",
            isa=("avx2", "avx512_vnni"),
            cores=2,
            threads=2,
            memory_bytes=8_000_000_000,
            platform="Linux-x86_64",
            load_average=0.3,
            versions={"python": "3.12.8", "ctranslate2": "4.8.5"},
        ),
        data=DataSummary(
            source="strings.tsv",
            digest="9f" * 32,
            examples={pair: sizes[0] for pair, sizes in PAIRS.items()},
            groups={pair: max(1, sizes[0] // 2) for pair, sizes in PAIRS.items()},
            labels=(),
            notes=("Left out for want of a reference: 12 of 2,417 rows.",),
        ),
        model="marian-demo",
        margin=0.01,
        alpha=0.05,
        baseline="baseline",
        candidates=(baseline, *others),
        recommendations={
            goal: Recommendation(candidate="student-6-2-int8", reason=reason, accuracy_tolerance=0.02)
            for goal in ("balanced", "speed", "size")
        }
        | {
            "accuracy": Recommendation(candidate="ctranslate2-int8", reason="It loses least.", accuracy_tolerance=0.005)
        },
        metric=metric,
    )


def _changes() -> tuple[FailureChange, ...]:
    return (
        FailureChange(
            pair="en→zh", kind="wrong-language", n=500, baseline=2, candidate=31, p_value=1e-8, p_adjusted=1e-7,
            found=True,
        ),
        FailureChange(
            pair="en→zh", kind="length", n=500, baseline=3, candidate=7, p_value=0.17, p_adjusted=1.0, found=False
        ),
    )  # fmt: skip


def _candidate(name, status, metric, *, recipe=(), size=283.4e6, p50=365.0, changes=()) -> Candidate:
    drops = DROPS.get(name, {})
    speedup = 365.0 / p50
    scores = {pair: getattr(_quality(pair, drops.get(pair, 0.0)), metric.name) for pair in PAIRS}
    macro = sum(scores.values()) / len(scores)
    return Candidate(
        name=name,
        recipe=recipe,
        runtime="ctranslate2" if recipe else "pytorch",
        artifact=f"candidates/{name}/artifact",
        status=status,
        reason=None if status == "baseline" else f"{name} was judged in {len(PAIRS)} language pairs.",
        size_bytes=round(size),
        sparsity=0.0,
        peak_rss_bytes=round(2.1 * size + 90e6),
        cold_start_s=1.4 if recipe else 4.9,
        latency_ms=Latency(
            n=140, mean=1.03 * p50, std=0.2 * p50, p50=p50, p95=1.6 * p50, p99=None,
            missing={"p99": "fewer than 662 calls"},
        ),
        tokenization_p50_ms=0.11,
        throughput_per_s=round(9000 / p50, 1),
        speedup=speedup,
        throughput_gain=round(0.9 * speedup, 2) if recipe else 1.0,
        size_reduction=1 - size / 283.4e6,
        accuracy=macro - 0.004,
        macro_accuracy=macro,
        languages={pair: _result(pair, name, scores[pair], drops.get(pair)) for pair in PAIRS},
        pareto=name in {"ctranslate2-int8", "student-6-2-int8"},
        threads=2,
        translation=TranslationQuality(
            pairs={pair: _quality(pair, drops.get(pair, 0.0), changes) for pair in PAIRS}, changes=changes
        ),
    )  # fmt: skip


def _quality(pair, drop, changes=()) -> PairQuality:
    n, chrf, bleu, copying = PAIRS[pair]
    failures = dict(zip(KINDS, BASELINE_FAILURES.get(pair, (0,) * len(KINDS)), strict=True))
    failures |= {change.kind: change.candidate for change in changes if change.pair == pair}
    return PairQuality(
        n=n,
        chrf=chrf - drop,
        bleu=bleu - 1.2 * drop,
        copying=copying,
        failures=failures,
        failing=max(failures.values()),
        tokens=11 * n,
        characters=38 * n,
    )


def _result(pair, name, score, drop) -> LanguageResult:
    n = PAIRS[pair][0]
    spent = {"latency_p50_ms": 24.0 + n / 90, "tokens_per_example": 11.4}
    if drop is None:
        return LanguageResult(n=n, groups=max(1, n // 2), baseline=score, candidate=score, **spent)
    width = WIDTHS.get(pair)
    bound = None if width is None else drop + width
    verdict = "safe" if bound is not None and bound < 0.01 else "inconclusive" if drop < 0.015 else "harmed"
    verdict = "inconclusive" if width is None else verdict
    reason = {
        "safe": "Even the worst drop the data allow is below the margin of 1.0.",
        "harmed": f"A drop of {100 * drop:.1f} points, significant after Holm's adjustment (p < 0.001).",
        "inconclusive": f"{n} sentences would likely miss a drop smaller than 2.0 points.",
    }[verdict]
    return LanguageResult(
        n=n,
        groups=max(1, n // 2),
        baseline=score + drop,
        candidate=score,
        drop=drop,
        drop_low=None if width is None else drop - 1.2 * width,
        drop_high=None if width is None else drop + 1.2 * width,
        drop_bound=bound,
        p_value=None if width is None else 0.0005 if verdict == "harmed" else 0.3,
        p_adjusted=None if width is None else 0.003 if verdict == "harmed" else 1.0,
        verdict=verdict,
        samples_needed=None if width is None else 900 if verdict == "inconclusive" else 0,
        reason=reason,
        **spent,
    )  # fmt: skip
