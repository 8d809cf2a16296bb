"""What to try next after a profile, in the order that pays: measure, easy wins, quantization, architecture, engine."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from leanglot.decide.profile_case import Asked, Case, added, how_it_adds, isa_option, share_of, word
from leanglot.results.profile import EngineProfile, NextStep, Part, ProfiledTexts
from leanglot.techniques import (
    Distillation,
    FfnPruning,
    HeadPruning,
    Int8,
    LayerPruning,
    QuantizationAware,
    TrimVocabulary,
    WeightOnly,
)

PRODUCTS: Final = frozenset(
    {
        *("aten::linear", "aten::addmm", "aten::matmul", "aten::bmm", "aten::baddbmm", "aten::mm"),
        *("MatMul", "Gemm", "FusedMatMul", "FusedGemm", "Attention", "MultiHeadAttention", "FullyConnected"),
    }
)
"""Operators that multiply matrices in floating point."""
INTEGER_PRODUCTS: Final = frozenset(
    {"QAttention", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "MatMulInteger", "MatMulNBits", "QLinearMatMul"}
)
"""Those that multiply integers."""

TABLE_SHARE: Final = 0.5
"""Share of the bytes in the embeddings above which the vocabulary comes first."""
PRODUCT_SHARE: Final = 0.3
PADDING_SHARE: Final = 0.1
TOKENIZATION_SHARE: Final = 0.1
OUTSIDE_SHARE: Final = 0.2
ROUNDING_SHARE: Final = 0.05
ROWS_SHARE: Final = 0.2
"""Share of a quantized artifact's bytes in an FP32 table above which its rows come next."""
BLOCK_SHARE: Final = 0.1
"""Share of the time above which attention or feed-forward blocks are worth cutting."""
_FEWEST_LAYERS: Final = 4
_CUT: Final = 0.25
_QUANTIZED: Final = (Int8, WeightOnly, QuantizationAware)


def next_steps(engines: Sequence[EngineProfile], texts: ProfiledTexts, asked: Asked) -> tuple[NextStep, ...]:
    """What the profile says to try, in the order in which to try it.

    No gain is promised: a step tells what share of the time or the bytes it touches and, where it changes nothing else,
    how much faster a call could get at most, were that free.

    Args:
        engines: At least one profile.
        texts: What was answered.
        asked: How the next command names things.
    """
    case = Case(engines, texts, asked)
    return tuple(step for rule in _RULES for step in rule(case))


def at_most(share: float) -> float | None:
    """How many times as fast a call is whose given share takes no time (Amdahl, 1967); None where that is all of it.

    Args:
        share: Between 0 and 1.
    """
    return None if share >= 1 else 1 / (1 - share)


def _texts(case: Case) -> Iterator[NextStep]:
    texts = case.texts
    if texts.source is not None:
        lengths = f"{texts.tokens_min} to {texts.tokens_max} tokens each, {texts.tokens_p50:g} in the median"
        told = f"{texts.batch * texts.calls} texts of {texts.source} in {len(texts.languages)} languages, {lengths}."
        yield NextStep(stage="measure", title="Profile the texts that are served", state="done", evidence=told)
        return
    yield NextStep(
        stage="measure",
        title="Profile the texts that are served",
        evidence=f"These were {texts.tokens_max} random tokens each; longer texts move time into attention.",
        command=f"leanglot profile {case.subject} --data data.jsonl{case.batch}",
    )


def _baseline(case: Case) -> Iterator[NextStep]:
    yield NextStep(
        stage="measure",
        title="Measure the accuracy of every language before changing anything",
        evidence="A profile tells where the time goes, not whom a change harms.",
        command=f"leanglot evaluate {case.subject} --data {case.data}",
    )


def _quiet(case: Case) -> Iterator[NextStep]:
    for engine in case.engines:
        for warning in engine.warnings:
            source = f" --data {case.data}" if case.texts.source is not None else f" --length {case.texts.tokens_max}"
            yield NextStep(
                stage="measure",
                title="Profile again on a quiet machine",
                evidence=f"{word(engine)}: {warning}",
                command=f"leanglot profile {case.subject}{source}{case.batch} --engine {engine.engine}",
            )
            return


def _threads(case: Case) -> Iterator[NextStep]:
    main = case.main
    if len(main.threads_p50_ms) < 2:
        return
    best = min(main.threads_p50_ms, key=lambda count: main.threads_p50_ms[count])
    medians = ", ".join(f"{count}: {p50:.3g} ms" for count, p50 in sorted(main.threads_p50_ms.items()))
    now = main.threads_p50_ms.get(main.threads)
    title, told = "Use the number of threads that is fastest", f"Median of one text by number of threads: {medians}."
    if now is None or now > 1.05 * main.threads_p50_ms[best]:
        command = f"leanglot profile {case.subject} --threads {best}"
        evidence = f"{told} This profile ran with {main.threads}."
        yield NextStep(stage="easy wins", title=title, evidence=evidence, command=command)
    else:
        evidence = f"{told} {main.threads} of them ran here."
        yield NextStep(stage="easy wins", title=title, state="done", evidence=evidence)


def _padding(case: Case) -> Iterator[NextStep]:
    share = case.texts.padding_share
    if share > PADDING_SHARE:
        yield NextStep(
            stage="easy wins",
            title="Batch texts of like length",
            evidence=f"{share:.0%} of the tokens in batches of {case.texts.batch} are padding; predict() sorts first.",
            command=f"leanglot benchmark {case.subject} --data {case.data}",
        )


def _tokenization(case: Case) -> Iterator[NextStep]:
    own = case.texts.tokenization_p50_ms
    if own is None:
        return
    share = own / (own + case.main.unprofiled_p50_ms)
    if share > TOKENIZATION_SHARE:
        yield NextStep(
            stage="easy wins",
            title="Tokenize outside of the answer's way: ahead, in other threads, or once for repeated texts",
            evidence=f"Tokenization takes {own:.2g} ms beside {case.main.unprofiled_p50_ms:.2g} ms of the model.",
            touches=share,
            most_speedup=at_most(share),
            command=f"leanglot benchmark {case.subject} --data {case.data}",
        )


def _vocabulary(case: Case) -> Iterator[NextStep]:
    size, total = case.bytes("embeddings"), case.main.size_bytes
    title = "Trim the vocabulary to the languages that are served"
    if not total:
        return
    told = f"The embeddings hold {size / total:.0%} of the weights' {total / 1e6:,.1f} MB"
    time = f"and take {case.time('embeddings'):.0%} of the time"
    if case.has(TrimVocabulary):
        evidence = f"{told}, already trimmed, {time}."
        yield NextStep(stage="easy wins", title=title, state="done", evidence=evidence)
    elif size / total > TABLE_SHARE:
        yield NextStep(
            stage="easy wins",
            title=title,
            evidence=f"{told} {time}: this makes it smaller, not faster.",
            touches_bytes=size,
            command=f"leanglot trim-vocabulary {case.model} --texts train.jsonl --out trimmed",
        )


def _calls(case: Case) -> Iterator[NextStep]:
    share = case.main.engine_share
    if case.texts.batch == 1 and share > OUTSIDE_SHARE:
        yield NextStep(
            stage="easy wins",
            title="Answer several texts per call, where they arrive together",
            evidence=f"At least {share:.0%} of a call is outside of all operators, whatever the batch.",
            touches=share,
            command=f"leanglot profile {case.subject} --data {case.data} --batch 8",
        )


def _int8(case: Case) -> Iterator[NextStep]:
    title, main = "Quantize to INT8, the embedding table too", case.main
    if case.has(*_QUANTIZED):
        share = share_of(main.operators, INTEGER_PRODUCTS)
        whole = "" if share == 0 else f"; products of integers take {share:.0%} of the time"
        fp32 = sum(main.fp32_bytes.values())
        told = f"Its recipe quantizes already{whole}, {fp32 / 1e6:,.1f} MB of {main.size_bytes / 1e6:,.1f} MB are FP32."
        yield NextStep(stage="quantization", title=title, state="done", evidence=told)
        return
    share = share_of([row for row in main.operators if row.size_bytes], PRODUCTS)
    if share > PRODUCT_SHARE:
        fp32 = sum(main.fp32_bytes.values())
        yield NextStep(
            stage="quantization",
            title=title,
            evidence=f"Products with FP32 weights take {share:.0%} of the time on {word(main)}. {how_it_adds(case)}",
            touches=share,
            touches_bytes=fp32,
            command=f"leanglot quantize {case.quantizable} --out int8{isa_option(case)}",
        )


def _table_rows(case: Case) -> Iterator[NextStep]:
    size, total = case.main.fp32_bytes.get("embeddings", 0), case.main.size_bytes
    if case.has(*_QUANTIZED) and total and size / total > ROWS_SHARE:
        yield NextStep(
            stage="quantization",
            title="Store the embedding table as INT8 rows",
            evidence=f"The table is still FP32: {size / 1e6:,.1f} MB, {size / total:.0%} of the weights.",
            touches_bytes=size,
            command=f"leanglot quantize {case.model} --out int8-rows --embeddings{isa_option(case)}",
        )


def _static(case: Case) -> Iterator[NextStep]:
    share = share_of(case.main.operators, frozenset({"DynamicQuantizeLinear"}))
    if share > ROUNDING_SHARE:
        yield NextStep(
            stage="quantization",
            title="Take activation ranges from calibration texts instead of each batch",
            evidence=f"DynamicQuantizeLinear, which finds them, takes {share:.0%} of the time.",
            touches=share,
            command=f"leanglot quantize {case.model} --out static --scheme int8-static --calibration train.jsonl",
        )


def _cuts(case: Case) -> Iterator[NextStep]:
    """Feed-forward neurons and heads, the part that takes more first."""
    kinds: tuple[tuple[Part, str, str, type], ...] = (
        ("ffn", "neurons of the feed-forward blocks", "ffn", FfnPruning),
        ("attention", "attention heads", "heads", HeadPruning),
    )
    for part, what, flag, technique in sorted(kinds, key=lambda kind: -case.time(kind[0])):
        share, title = case.time(part), f"Cut out {what}"
        told = f"{_PART_WORD[part]} takes {share:.0%} of the time"
        if case.has(technique):
            evidence = f"{told}, after its recipe has cut some out."
            yield NextStep(stage="architecture", title=title, state="done", evidence=evidence)
        elif share > BLOCK_SHARE:
            yield NextStep(
                stage="architecture",
                title=title,
                evidence=f"{told}; a quarter of it is {_CUT * share:.0%}.",
                touches=_CUT * share,
                most_speedup=at_most(_CUT * share),
                command=f"leanglot prune {case.model} --out slim --{flag} {_CUT:g} --calibration train.jsonl",
            )


def _layers(case: Case) -> Iterator[NextStep]:
    rows = [row for row in case.main.places if row.name.startswith("layer ")]
    layers = {row.name.split()[1] for row in rows}
    # What an engine needs around the operators of a layer goes with them.
    outside = 0.0 if case.main.engine == "pytorch" else case.main.outside_share
    share, title = sum(row.share for row in rows), "Distil into fewer layers"
    told = f"{len(layers)} layers take {share:.0%} of the time"
    if case.has(Distillation, LayerPruning):
        evidence = f"{told}, after its recipe has trained a student or removed some."
        yield NextStep(stage="architecture", title=title, state="done", evidence=evidence)
    elif len(layers) >= _FEWEST_LAYERS:
        half = len(layers) // 2
        touched = (share + outside) * (len(layers) - half) / len(layers)
        yield NextStep(
            stage="architecture",
            title=title,
            evidence=f"{told}, and an engine's own time between them goes with them.",
            touches=touched,
            most_speedup=at_most(touched),
            command=f"leanglot distil {case.model} --training train.jsonl --layers {half} --out small{case.judged}",
        )


def _engine(case: Case) -> Iterator[NextStep]:
    torch = next((each for each in case.engines if each.engine == "pytorch"), None)
    title = "Export to an engine that executes a whole graph"
    if torch is None:
        outside = f"{case.main.outside_share:.0%} of a call is outside of operators{added(case.main)}"
        told = f"{word(case.main)} executes it; {outside}."
        yield NextStep(stage="engine", title=title, state="done", evidence=told)
        return
    evidence = f"In PyTorch {torch.outside_share:.0%} of a profiled call is outside of all operators{added(torch)}."
    if case.main is not torch:
        evidence += (
            f" Unprofiled, a call took {torch.unprofiled_p50_ms:.3g} ms there and {case.main.unprofiled_p50_ms:.3g} ms "
            f"on {word(case.main)}, one engine after the other; leanglot benchmark --against times them in turns."
        )
    yield NextStep(
        stage="engine",
        title=title,
        evidence=evidence,
        touches=torch.engine_share,
        command=f"leanglot export {case.model} --out onnx",
    )


_PART_WORD: Final[dict[Part, str]] = {"ffn": "The feed-forward part", "attention": "Attention"}
_RULES: Final[tuple[Callable[[Case], Iterator[NextStep]], ...]] = (
    *(_texts, _baseline, _quiet),
    *(_threads, _padding, _tokenization, _vocabulary, _calls),
    *(_int8, _table_rows, _static),
    *(_cuts, _layers),
    _engine,
)
