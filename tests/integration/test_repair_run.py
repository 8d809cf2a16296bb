"""Repair from the outside: in a run, and of one artifact, on a model with a planted layer."""

import json

import pytest
from planting import LABELS, LANGUAGES, PLANTS, VICTIM, plant_models, sentences

import leanglot
from leanglot.cli import main
from leanglot.config import CandidateConfig, DataConfig, RepairConfig, RunConfig
from leanglot.errors import ModelError, RecipeError
from leanglot.exam import QUICK
from leanglot.pipeline import optimize
from leanglot.repairing.single import repair_artifact
from leanglot.results.manifest import read_manifest
from leanglot.results.repairs import Repair
from leanglot.steps import Setting
from leanglot.techniques import Int8, MagnitudePruning, WeightOnly

PLANT = PLANTS[0]
PER_TENSOR = Int8(per_channel=False, reduce_range=True, embeddings=False)


@pytest.fixture(scope="module")
def place(tiny_model, tmp_path_factory):
    """A folder with the planted model, data to judge on, and training texts without labels."""
    folder = tmp_path_factory.mktemp("repair")
    plant_models(PLANT, tiny_model, folder)
    counts = {tag: 150 if tag == VICTIM else 60 for tag in LANGUAGES}
    rows = [
        {"text": text, "label": LABELS[label], "language": tag, "split": split}
        for seed, split in ((101, "test"), (102, "train"))
        for text, label, tag in sentences(counts, seed)
    ]
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def report(place):
    """A run in which one candidate is harmed by quantization, and one by pruning before it."""
    pruned = (MagnitudePruning(sparsity=0.97), PER_TENSOR)
    config = RunConfig(
        model=str(place / "planted"),
        data=DataConfig(path=place / "data.jsonl"),
        output=place / "run",
        threads=1,
        repair=RepairConfig(),
        candidates=(
            CandidateConfig(name="per-tensor", recipe=(PER_TENSOR,)),
            CandidateConfig(name="pruned", recipe=pruned),
        ),
    )
    return optimize(config, effort=QUICK)


def test_a_run_repairs_what_quantization_harmed(report):
    assert report.candidate("per-tensor").status == "rejected"
    found = report.repairs["per-tensor"]
    assert (found.ended, found.layers, found.harmed_before) == ("repaired", (PLANT.layer,), (VICTIM,))
    repaired = report.candidate("per-tensor-repaired")
    assert repaired.recipe[-1].keep == (PLANT.layer,)
    assert repaired.status != "rejected"
    assert repaired.languages[VICTIM].verdict != "harmed"
    assert found.size_bytes_before == report.candidate("per-tensor").size_bytes
    assert found.size_bytes_after == repaired.size_bytes > found.size_bytes_before
    assert found.speedup_after == repaired.speedup
    assert set(found.notes) <= set(repaired.warnings)
    assert any("on the same examples" in note for note in found.notes)


def test_harm_from_pruning_is_not_blamed_on_quantization(report):
    assert report.candidate("pruned").status == "rejected"
    found = report.repairs["pruned"]
    assert found.ended == "not-from-quantization"
    assert "comes from something else" in found.reason
    assert "pruned-repaired" not in {candidate.name for candidate in report.candidates}


def test_the_report_tells_of_the_repair(report, place):
    for name in ("report.html", "report.md"):
        text = (place / "run" / name).read_text(encoding="utf-8")
        assert "No longer harmed" in text
        assert "Speed-up" in text
    assert leanglot.read_report(place / "run").repairs == report.repairs


def test_one_artifact_is_repaired_from_the_command_line(place, capsys):
    quantize = ["quantize", place / "planted", "--out", place / "int8", "--no-per-channel", "--target-isa", "avx2"]
    for arguments in (
        quantize,
        ["repair", place / "planted", place / "int8", "--data", place / "data.jsonl", "--out", place / "repaired"],
    ):
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        assert stopped.value.code == 0
    printed = " ".join(capsys.readouterr().out.split())
    for expected in ("No longer harmed", PLANT.layer, "Speed-up", "Wrote"):
        assert expected in printed
    assert read_manifest(place / "repaired").recipe[-1].keep == (PLANT.layer,)
    texts = [text for text, _, _ in sentences({VICTIM: 30}, seed=7)]
    wanted = [LABELS[label] for _, label, _ in sentences({VICTIM: 30}, seed=7)]
    answers = [answer.label for answer in leanglot.load(place / "repaired", threads=1).predict(texts)]
    assert sum(map(str.__eq__, answers, wanted)) > 25


def test_another_engine_is_repaired_by_quantizing_anew(place, tmp_path):
    """Nothing is harmed there, and saying so takes one pass."""
    from leanglot.artifacts import make_artifact
    from leanglot.models.text_classifier import load_text_classifier
    from leanglot.quantizers import Making

    candidate = CandidateConfig(name="int8", runtime="pytorch", recipe=(WeightOnly(bits=8),))
    (tmp_path / "weights").mkdir()
    make_artifact(load_text_classifier(place / "planted"), candidate, tmp_path / "weights", Making())
    setting = Setting(data=DataConfig(path=place / "data.jsonl"), threads=1)
    found = repair_artifact(
        str(place / "planted"), tmp_path / "weights", tmp_path / "out", setting, RepairConfig(layers=1, seconds=20)
    )
    assert isinstance(found, Repair)
    assert found.ended in {"not-needed", "repaired", "budget"}
    assert (tmp_path / "out").exists() == bool(found.layers)


def test_only_a_quantized_artifact_of_the_model_is_repaired(place, tmp_path, onnx_artifact):
    from leanglot.artifacts import make_artifact
    from leanglot.models.text_classifier import load_text_classifier
    from leanglot.quantizers import Making

    setting = Setting(data=DataConfig(path=place / "data.jsonl"), threads=1)
    with pytest.raises(ModelError, match="was not made from"):
        repair_artifact(str(place / "planted"), onnx_artifact, tmp_path / "out", setting, RepairConfig())
    plain = tmp_path / "plain"
    plain.mkdir()
    make_artifact(load_text_classifier(place / "planted"), CandidateConfig(name="fp32"), plain, Making())
    with pytest.raises(RecipeError, match="fp32 is not quantized"):
        repair_artifact(str(place / "planted"), plain, tmp_path / "out", setting, RepairConfig())
