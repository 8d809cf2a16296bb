"""The five variants of a DistilBERT comparison out of one recipe file, on a tiny model of that family."""

from pathlib import Path

import pytest

import leanglot
from leanglot.cli import main
from tiny_models import make_model
from tiny_rows import LANGUAGES, rows
from tiny_trained import make_tokenizer, save, train

pytestmark = pytest.mark.slow

RECIPE = Path(__file__).parents[2] / "recipes" / "five-variants.yaml"
VARIANTS = ["fp32", "int8", "pruned-30", "pruned-50", "pruned-30-int8"]


@pytest.fixture(scope="module")
def report(tiny_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("five")
    tokenizer = make_tokenizer()
    model = make_model("distilbert", len(tokenizer))
    train(model, tokenizer, rows(dict.fromkeys(LANGUAGES, 120), seed=1))
    save(model, tokenizer, folder / "model")
    options = [
        "--data",
        tiny_data,
        "--recipe",
        RECIPE,
        "--no-steps",
        "--quick",
        "--threads",
        "1",
        "--out",
        folder / "run",
    ]
    with pytest.raises(SystemExit) as stopped:
        main([str(each) for each in ("optimize", folder / "model", *options)])
    assert stopped.value.code == 0
    return leanglot.read_report(folder / "run")


def test_the_table_has_the_model_and_five_rows(report):
    assert [candidate.name for candidate in report.candidates] == ["pytorch-fp32", *VARIANTS]
    assert all(candidate.status != "failed" for candidate in report.candidates)
    assert all(candidate.accuracy is not None and candidate.latency_ms is not None for candidate in report.candidates)


def test_zeros_make_nothing_smaller_and_int8_does(report):
    size = {candidate.name: candidate.size_bytes for candidate in report.candidates}
    assert size["pruned-30"] == pytest.approx(size["fp32"], rel=0.01)
    assert size["pruned-50"] == pytest.approx(size["fp32"], rel=0.01)
    assert size["int8"] < size["fp32"]
    assert size["pruned-30-int8"] == pytest.approx(size["int8"], rel=0.01)


def test_the_zeros_are_as_many_as_asked_for(report):
    sparsity = {candidate.name: candidate.sparsity for candidate in report.candidates}
    assert sparsity["fp32"] < 0.01
    assert sparsity["pruned-30"] == pytest.approx(0.3, abs=0.01)
    assert sparsity["pruned-50"] == pytest.approx(0.5, abs=0.01)
    # Rounding to 8 bits adds some.
    assert 0.29 < sparsity["pruned-30-int8"] < 0.45
