"""What a profile says to try: in order, with its evidence, nothing promised, nothing that is done already."""

import shlex

import pytest
import typer

from leanglot.cli import make_app
from leanglot.decide.next_steps import at_most, next_steps
from leanglot.decide.profile_case import Asked
from leanglot.results.profile import EngineProfile, ProfiledTexts, ProfileRow
from leanglot.techniques import (
    Distillation,
    FfnPruning,
    HalfPrecision,
    HeadPruning,
    Int8,
    TrimVocabulary,
)

ORDER = ["measure", "easy wins", "quantization", "architecture", "engine"]
VNNI = ("avx2", "avx512f", "avx512_vnni")
RANDOM = ProfiledTexts(
    source=None, batch=1, calls=32, rounds=3, tokens_min=32, tokens_p50=32, tokens_max=32, padding_share=0
)
REAL = RANDOM.model_copy(update={"source": "d.jsonl", "languages": {"de": 16, "th": 16}, "tokenization_p50_ms": 0.1})
MODEL = Asked("my model", artifact=False, data=None, isa=VNNI)
ARTIFACT = Asked("int8", artifact=True, data="d.jsonl", isa=VNNI)


def row(name, share, size=0, total=100_000_000):
    return ProfileRow(name=name, runs=1, time_ms=share * 10, share=share, size_bytes=size, size_share=size / total)


def engine(kind="onnxruntime", **changes):
    """A large table, FP32 products, four layers of which the feed-forward part takes more."""
    layers = [
        row(f"layer {place} {part}", share)
        for place in range(4)
        for part, share in (("attention", 0.08), ("ffn", 0.12))
    ]
    facts = {
        "engine": kind,
        "origin": "model" if kind == "pytorch" else "plain export",
        "threads": 1,
        "threads_p50_ms": {1: 10.0, 2: 12.0},
        "unprofiled_p50_ms": 10.0,
        "profiled_p50_ms": 11.0,
        "outside_share": 0.1,
        "operators": (row("MatMul", 0.7, 20_000_000), row("FusedMatMul", 0.1), row("Gather", 0.1, 80_000_000)),
        "modules": (),
        "kinds": (),
        "places": (row("embeddings", 0.1, 80_000_000), *layers),
        "parts": (row("embeddings", 0.1, 80_000_000), row("attention", 0.32), row("ffn", 0.48)),
        "size_bytes": 100_000_000,
        "fp32_bytes": {"embeddings": 80_000_000, "ffn": 20_000_000},
    }
    return EngineProfile(**facts | changes)


def steps(*engines, texts=RANDOM, asked=MODEL):
    return next_steps(engines or (engine(),), texts, asked)


def titled(found, start):
    return next((step for step in found if step.title.startswith(start)), None)


def test_the_order_is_that_of_the_stages():
    found = steps(engine("pytorch"), engine())
    stages = [step.stage for step in found]
    assert stages == sorted(stages, key=ORDER.index)
    assert list(dict.fromkeys(stages)) == ORDER


def test_every_command_exists_with_all_its_options():
    app = typer.main.get_command(make_app())
    noisy = engine("pytorch", warnings=("Other processes used 50%.",), threads=2)
    long = REAL.model_copy(update={"batch": 8, "padding_share": 0.4, "tokenization_p50_ms": 9.0})
    slow = engine(operators=(row("DynamicQuantizeLinear", 0.2), row("MatMul", 0.5, 1)), outside_share=0.5)
    quantized = engine(recipe=(Int8(),))
    found = [*steps(noisy, engine()), *steps(noisy, slow, texts=long), *steps(quantized, asked=ARTIFACT)]
    found += steps(slow)
    commands = {step.command for step in found if step.command}
    assert len(commands) >= 12
    for command in commands:
        program, name, *arguments = shlex.split(command)
        assert program == "leanglot"
        known = {flag for option in app.commands[name].params for flag in (*option.opts, *option.secondary_opts)}
        assert {argument for argument in arguments if argument.startswith("--")} <= known, command


def test_a_large_table_comes_first_and_promises_no_speed():
    step = titled(steps(), "Trim the vocabulary")
    assert (step.state, step.touches, step.most_speedup, step.touches_bytes) == ("open", None, None, 80_000_000)
    assert "80% of the weights' 100.0 MB" in step.evidence
    assert step.command == "leanglot trim-vocabulary 'my model' --texts train.jsonl --out trimmed"
    small = engine(parts=(row("embeddings", 0.1, 10_000_000),))
    assert titled(steps(small), "Trim the vocabulary") is None
    assert titled(steps(engine(recipe=(TrimVocabulary(),))), "Trim the vocabulary").state == "done"
    assert titled(steps(engine(size_bytes=0)), "Trim the vocabulary") is None


def test_int8_touches_products_with_weights_alone_and_names_the_machine():
    step = titled(steps(), "Quantize to INT8")
    assert step.touches == pytest.approx(0.7)
    assert step.most_speedup is None
    assert "in 32 bits" in step.evidence
    assert step.command == "leanglot quantize 'my model' --out int8 --target-isa avx512-vnni"


@pytest.mark.parametrize(
    ("isa", "option", "told"),
    [
        (("avx2",), " --target-isa avx2", "16 bits"),
        (("avx2", "avx_vnni"), "", "32 bits"),
        ((), "", "not known"),
        (("avx512_vnni", "amx_int8"), " --target-isa amx", "32 bits"),
        (("neon",), " --target-isa neon", "32 bits"),
    ],
)
def test_the_instruction_set_decides_the_int8_command(isa, option, told):
    step = titled(steps(asked=Asked("m", False, None, isa)), "Quantize to INT8")
    assert step.command == f"leanglot quantize m --out int8{option}"
    assert told in step.evidence


def test_few_products_are_not_worth_quantizing():
    assert titled(steps(engine(operators=(row("MatMul", 0.2, 5),))), "Quantize to INT8") is None


def test_a_quantized_artifact_is_told_to_be_done_except_for_its_table():
    recipe = (FfnPruning(sparsity=0.2), Distillation(), Int8())
    operators = (row("QAttention", 0.4, 1), row("MatMulIntegerToFloat", 0.2, 1))
    found = steps(engine(origin="artifact", recipe=recipe, operators=operators), texts=REAL, asked=ARTIFACT)
    done = titled(found, "Quantize to INT8")
    assert (done.state, done.command) == ("done", None)
    assert "60% of the time" in done.evidence
    assert titled(found, "Store the embedding table").command.startswith("leanglot quantize MODEL --out int8-rows")
    assert titled(found, "Distil").state == titled(found, "Cut out neurons").state == "done"
    assert titled(found, "Cut out attention").state == "open"
    assert titled(found, "Export").state == "done"
    assert titled(found, "Profile the texts").state == "done"
    rows = engine(origin="artifact", recipe=recipe, fp32_bytes={"embeddings": 900_000})
    assert titled(steps(rows, asked=ARTIFACT), "Store the embedding table") is None


def test_what_is_quantized_starts_from_what_can_be():
    half = engine(origin="artifact", recipe=(HalfPrecision(),))
    assert titled(steps(half, asked=ARTIFACT), "Quantize").command.startswith("leanglot quantize MODEL ")
    graph = engine("openvino", origin="artifact")
    assert titled(steps(graph, asked=ARTIFACT), "Quantize").command.startswith(
        "leanglot quantize int8 --runtime openvino "
    )
    plain = engine(origin="artifact")
    assert titled(steps(plain, asked=ARTIFACT), "Quantize").command.startswith("leanglot quantize int8 --out")
    assert titled(steps(plain, asked=ARTIFACT), "Trim").command.startswith("leanglot trim-vocabulary MODEL ")


def test_the_part_that_takes_more_is_cut_first_and_bounded_by_amdahl():
    cuts = [step for step in steps() if step.title.startswith("Cut out")]
    assert ["--ffn" in step.command for step in cuts] == [True, False]
    assert cuts[0].touches == pytest.approx(0.25 * 0.48)
    assert cuts[0].most_speedup == pytest.approx(1 / (1 - 0.12))
    turned = engine(parts=(row("attention", 0.6), row("ffn", 0.05)))
    (only,) = (step for step in steps(turned) if step.title.startswith("Cut out"))
    assert "--heads" in only.command
    assert titled(steps(engine(recipe=(HeadPruning(sparsity=0.25),))), "Cut out attention").state == "done"


def test_fewer_layers_take_the_engines_time_between_them_along():
    step = titled(steps(), "Distil")
    assert step.touches == pytest.approx((0.8 + 0.1) / 2)
    assert "--layers 2 " in step.command
    assert titled(steps(engine("pytorch")), "Distil").touches == pytest.approx(0.8 / 2)
    shallow = engine(places=(row("layer 0 ffn", 0.4), row("layer 1 ffn", 0.4)))
    assert titled(steps(shallow), "Distil") is None


def test_threads_that_are_not_the_fastest_are_told():
    assert titled(steps(), "Use the number").state == "done"
    slower = titled(steps(engine(threads=2)), "Use the number")
    assert slower.command == "leanglot profile 'my model' --threads 1"
    assert titled(steps(engine(threads=7)), "Use the number").state == "open"
    assert titled(steps(engine(threads_p50_ms={})), "Use the number") is None


def test_tokenization_and_padding_count_where_they_are_large():
    assert titled(steps(texts=REAL), "Tokenize") is None
    slow = titled(steps(texts=REAL.model_copy(update={"tokenization_p50_ms": 10.0})), "Tokenize")
    assert (slow.touches, slow.most_speedup) == (0.5, 2.0)
    padded = REAL.model_copy(update={"batch": 8, "padding_share": 0.4})
    assert "40% of the tokens" in titled(steps(texts=padded), "Batch texts").evidence
    assert titled(steps(texts=REAL), "Batch texts") is None


def test_time_outside_of_operators_counts_without_what_profiling_added():
    profiling = engine(outside_share=0.4, profiled_p50_ms=20.0)
    assert profiling.overhead_share == 0.5
    assert profiling.engine_share == 0.0
    assert titled(steps(profiling), "Answer several") is None
    own = engine(outside_share=0.4, profiled_p50_ms=10.0)
    assert titled(steps(own), "Answer several").touches == pytest.approx(0.4)
    assert engine(profiled_p50_ms=9.0).overhead_share == 0.0


def test_eager_pytorch_is_told_to_export_beside_what_was_measured():
    alone = titled(steps(engine("pytorch")), "Export")
    assert (alone.state, alone.command) == ("open", "leanglot export 'my model' --out onnx")
    assert "one engine after the other" not in alone.evidence
    both = titled(steps(engine("pytorch", unprofiled_p50_ms=25.0), engine()), "Export")
    assert "25 ms there and 10 ms on ONNX Runtime, one engine after the other" in both.evidence
    assert both.most_speedup is None


def test_a_disturbed_profile_asks_for_a_quiet_machine_once():
    noisy = engine(warnings=("Other processes used 50% of the processor.",))
    found = [step for step in steps(engine("pytorch", warnings=noisy.warnings), noisy) if "quiet" in step.title]
    assert [step.command for step in found] == ["leanglot profile 'my model' --length 32 --engine pytorch"]
    assert titled(steps(), "Profile again") is None


@pytest.mark.parametrize(("share", "most"), [(0.0, 1.0), (0.5, 2.0), (0.75, 4.0), (1.0, None)])
def test_amdahls_law(share, most):
    assert at_most(share) == most
