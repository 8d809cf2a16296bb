"""Routing of a tiny translation model's run by language pair: the decision, the router, and what takes it."""

import json
from functools import partial

import pytest

import leanglot
from commands import captured
from leanglot.config import CandidateConfig, DataConfig, RoutingConfig, RunConfig
from leanglot.errors import ConfigError, ModelError
from leanglot.exam import Effort
from leanglot.languages import PAIR_ARROW
from leanglot.pipeline import optimize
from leanglot.pricing import stored_failures
from leanglot.results.folder import read_report
from leanglot.results.monitor_baseline import OUTCOMES, read_monitor_baseline
from leanglot.results.router_manifest import read_router_manifest
from leanglot.results.translation_store import read_translations
from leanglot.results.translations import joined
from leanglot.routing.artifact import write_router
from leanglot.routing.outcome import outcome_of
from leanglot.routing.run import Material, decide
from leanglot.runtimes.router import load_router
from leanglot.runtimes.translation_router import TranslationRouter, load_translation_router
from leanglot.serve.opening import open_engine
from leanglot.techniques import Int8, SideLayers
from served import ask, serving
from tiny_translators import make_translator, parallel, sentences

LITTLE = Effort(latency_calls=16, batch_texts=16, rounds=1, cold_starts=1)
PAIRS = {"en→de": "onnx-fp32", "en→ru": "onnx-fp32", "en→fr": "pytorch-fp32", "de→en": "pytorch-fp32"}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("translation-routing")
    data = parallel()
    rows = zip(data.sources, data.references, data.source_languages, data.target_languages, strict=True)
    names = ("source", "target", "source_language", "target_language")
    (folder / "data.jsonl").write_text(
        "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows), encoding="utf-8"
    )
    return RunConfig(
        model=str(make_translator(folder / "model", "marian", steps=150, width=32)),
        task="translation",
        data=DataConfig(path=folder / "data.jsonl"),
        output=folder / "run",
        threads=1,
        candidates=(
            CandidateConfig(name="onnx-fp32"),
            CandidateConfig(name="onnx-int8", recipe=(Int8(embeddings=True),)),
            CandidateConfig(name="shallow", recipe=(SideLayers(decoder=1),)),
        ),
        routing=RoutingConfig(max_variants=2),
    )


@pytest.fixture(scope="module")
def report(config):
    return optimize(config, effort=LITTLE)


@pytest.fixture(scope="module")
def folder(config, report, tmp_path_factory):
    """A router with two variants, whatever was fastest in the run."""
    out = tmp_path_factory.mktemp("translation-router") / "router"
    artifacts = {name: config.output / "candidates" / name / "artifact" for name in ("pytorch-fp32", "onnx-fp32")}
    write_router(out, "both", artifacts, PAIRS, "pytorch-fp32")
    return out


@pytest.fixture(scope="module")
def router(folder):
    return load_translation_router(folder, threads=1, verify=True)


@pytest.fixture
def run(capsys):
    return partial(captured, capsys)


def test_a_run_routes_its_pairs_and_writes_the_router(report, config):
    facts = report.routing_facts
    assert set(report.routing) == set(parallel().pairs)
    assert facts.artifact == "router"
    assert facts.memory_measured
    assert "shallow" not in facts.variants
    assert set(facts.verdicts) == set(report.routing)
    assert facts.detection is None
    manifest = read_router_manifest(config.output / "router")
    assert (manifest.task, manifest.labels, manifest.languages) == ("translation", (), report.routing)
    assert read_report(config.output) == report
    assert "Language pairs told by the caller: chrF" in (config.output / "report.md").read_text(encoding="utf-8")


def test_the_routed_quality_is_that_of_the_translations_that_were_picked(report, config):
    material = Material(RoutingConfig())
    decision = decide(report, config.output, material)
    assert decision.facts.accuracy == pytest.approx(report.routing_facts.accuracy)
    baseline = read_translations(config.output / "candidates" / "pytorch-fp32" / "translations.parquet")
    answers, missing = stored_failures(report, config.output)
    assert missing == {}
    worst = ["shallow" if pair == "en→fr" else "pytorch-fp32" for pair in baseline.pair]
    outcome = outcome_of(worst, answers, report, config.output)
    expected = report.candidate("shallow").languages["en→fr"]
    assert outcome.verdicts["en→fr"].candidate == pytest.approx(expected.candidate)
    assert outcome.verdicts["en→fr"].verdict == expected.verdict
    assert outcome.verdicts["en→de"].drop == 0
    assert outcome.quality < report.candidate("pytorch-fp32").accuracy


def test_translations_that_were_taken_apart_are_put_together_in_order(config, report):
    whole = read_translations(config.output / "candidates" / "onnx-fp32" / "translations.parquet")
    parts = [whole.subset(places) for places in whole.by_pair().values()]
    again = joined(parts[::-1])
    assert (again.hypothesis, again.pair, again.index.tolist()) == (whole.hypothesis, whole.pair, whole.index.tolist())
    assert (again.chrf == whole.chrf).all()


def test_each_pair_is_translated_by_its_variant(router, folder):
    texts, pairs = [sentences("en")[0], sentences("de")[0], sentences("en")[1]], ["en→de", "de→en", "en→fr"]
    assert [router.variant_of(pair) for pair in (*pairs, "en-GB→de-AT", "en→ja")] == [
        "onnx-fp32", "pytorch-fp32", "pytorch-fp32", "onnx-fp32", "pytorch-fp32",
    ]  # fmt: skip
    answers = router.translate(texts, pairs=pairs)
    assert answers[0].text == "Küche: Lampe ist an."
    for text, pair, answer in zip(texts, pairs, answers, strict=True):
        alone = router.translators[router.variant_of(pair)].translate([text], pairs=[pair])[0]
        assert (answer.text, answer.tokens) == (alone.text, alone.tokens)
    assert router.translate([], "de") == []
    with pytest.raises(ConfigError, match="1 pairs were given for 2 texts"):
        router.translate(texts[:2], pairs=["en→de"])
    assert isinstance(leanglot.load(folder, threads=1), TranslationRouter)


def test_routers_of_one_task_are_no_routers_of_the_other(folder, config, onnx_artifact, tmp_path):
    with pytest.raises(ModelError, match="router of translation models"):
        load_router(folder)
    mixed = {"a": config.output / "candidates" / "onnx-fp32" / "artifact", "b": onnx_artifact}
    with pytest.raises(ModelError, match="b is for text-classification, and a for translation"):
        write_router(tmp_path / "mixed", "mixed", mixed, {}, "a")
    write_router(tmp_path / "classifiers", "one", {"b": onnx_artifact}, {"de": "b"}, "b")
    with pytest.raises(ModelError, match="does not translate: it is a router of classifiers"):
        load_translation_router(tmp_path / "classifiers")


def test_what_a_monitor_compares_with_comes_with_the_variants(folder):
    baseline = read_monitor_baseline(folder)
    assert (baseline.task, baseline.labels, baseline.name) == ("translation", OUTCOMES, "both")
    assert set(baseline.languages) == set(PAIRS)


def test_the_router_is_served(folder, router):
    engine = open_engine(folder, threads=1)
    engine.warm()
    assert engine.platform == "onnxruntime_onnx+pytorch"
    with serving(engine) as server:
        body = json.dumps({"texts": list(sentences("en")[:2]), "source": "en", "target": ["de", "fr"]}).encode()
        reply = ask(server.port, "POST", "/translate", body)
        assert reply.status == 200, reply.body
        found = reply.json["translations"]
        assert [each["variant"] for each in found] == ["onnx-fp32", "pytorch-fp32"]
        assert found[0]["translation"] == "Küche: Lampe ist an."


def test_commands_take_the_router(run, folder, config, report):
    assert run("translate", folder, sentences("en")[0], "--to", "de", "--from", "en").out == "Küche: Lampe ist an.\n"
    told = run("evaluate", folder, "--data", config.data.path, "--against", config.model, "--json", "--threads", "1")
    found = json.loads(told.out)
    assert set(found["pairs"]) == set(PAIRS)
    assert all(each["drop"] == pytest.approx(0, abs=1e-6) for each in found["verdicts"].values())
    refused = run("benchmark", folder, "--data", config.data.path, code=2)
    assert "router over several artifacts" in refused.err


def test_a_run_is_routed_again_without_texts(run, config, report, tmp_path):
    out = tmp_path / "again"
    printed = run("route", config.output, "--strict", "--out", out)
    assert "Routing" in printed.out
    assert PAIR_ARROW in printed.out
    assert "Unknown language pairs go to" in " ".join(printed.out.split())
    assert set(read_router_manifest(out).languages) == set(PAIRS)
    for option in ("--texts", "--data"):
        refused = run("route", config.output, option, config.data.path, code=2)
        assert "always tell the language pair" in refused.err
