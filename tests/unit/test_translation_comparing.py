"""Two translation runs compared, and a translation run in MLflow's names."""

import io
import re

import numpy as np
import pytest
from rich.console import Console

from leanglot.comparing import compare
from leanglot.errors import RunError
from leanglot.report.compare import comparison_table
from leanglot.report.tracking import metrics_of
from leanglot.results.folder import RunFolder
from leanglot.results.translation import Metric
from leanglot.results.translation_store import write_translations
from leanglot.results.translations import Translations
from translated_runs import BLEU, METRIC
from translated_runs import run as translated_run

N = 400


def translations(worse=0, failing=0, source="source"):
    """One pair, 100 characters matched of 200 in each sentence; so many match none, so many are copied."""
    chrf = np.tile(np.array([200, 200, 100] * 6, dtype=np.float64), (N, 1))
    chrf[:worse, 2::3] = 0
    return Translations(
        index=np.arange(N),
        pair=("en→de",) * N,
        group=None,
        source=tuple(f"{source} {number}" for number in range(N)),
        reference=tuple(f"reference {number}" for number in range(N)),
        hypothesis=tuple(f"{'bad' if number < max(worse, failing) else 'good'} {number}" for number in range(N)),
        chrf=chrf,
        bleu=np.ones((N, 10)),
        sentence_chrf=np.full(N, 0.5),
        confidence=np.full(N, 0.5),
        tokens=np.full(N, 11),
        failed={"copied": np.arange(N) < failing},
    )


def stored(folder, found, metric=METRIC):
    place = RunFolder(folder)
    place.create()
    report = translated_run(metric)
    report = report.model_copy(update={"candidates": report.candidates[:2], "recommendations": {}})
    place.write_report(report)
    for each in report.candidates:
        place.candidate(each.name).path.mkdir(parents=True)
        write_translations(place.candidate(each.name).translations, found.get(each.name, translations()))
    return folder


def compared(tmp_path, found):
    one = stored(tmp_path / "one", {})
    return compare(one, stored(tmp_path / "two", {"ctranslate2-int8": found}))


def printed(comparison) -> str:
    stream = io.StringIO()
    Console(file=stream, width=100).print(comparison_table(comparison))
    return " ".join(stream.getvalue().split())


def test_a_worse_score_and_silent_failures_are_found(tmp_path):
    found = compared(tmp_path, translations(worse=80, failing=40))
    change = next(each for each in found.candidates if each.name == "ctranslate2-int8")
    assert change.paired_status == "rejected"
    assert "hand the source back" in change.paired["en→de"].reason
    assert (change.flips.changed, change.flips.right_to_wrong) == (80, 40)
    told = printed(found)
    assert "40 fail silently that did not before" in told
    assert "ctranslate2-int8 proven worse in a language pair" in told
    assert not re.search(r"accuracy|\blanguages?\b(?! pair)|answer", told)


def test_equal_translations_are_said_to_be_the_same(tmp_path):
    found = compared(tmp_path, translations())
    told = printed(found)
    assert "all translations are the same" in told
    assert "2 with the same translations" in told


def test_other_sentences_are_not_compared(tmp_path):
    found = compared(tmp_path, translations(source="another"))
    change = next(each for each in found.candidates if each.name == "ctranslate2-int8")
    assert change.paired is None
    assert "did not translate the same sentences" in change.reason
    assert "1 not compared translation by translation" in printed(found)


def test_runs_of_other_metrics_cannot_be_compared(tmp_path):
    one = stored(tmp_path / "one", {})
    bleu = Metric(name="bleu", signature=BLEU.format("13a"))
    with pytest.raises(RunError, match="metric: chrF and BLEU"):
        compare(one, stored(tmp_path / "two", {}, bleu))
    other = METRIC.model_copy(update={"signature": "nrefs:2"})
    with pytest.raises(RunError, match="metric: chrF and chrF, by another signature"):
        compare(one, stored(tmp_path / "three", {}, other))


def test_missing_translations_are_told(tmp_path):
    one, two = stored(tmp_path / "one", {}), stored(tmp_path / "two", {})
    RunFolder(two).candidate("baseline").translations.unlink()
    change = next(each for each in compare(one, two).candidates if each.name == "baseline")
    assert change.paired is None
    assert "There are no translations" in change.reason


def test_numbers_in_mlflow_are_called_after_the_metric():
    candidate = translated_run().candidate("student-6-2-int8")
    found = metrics_of(candidate, METRIC)
    assert found["chrf/en_to_zh"] == pytest.approx(0.2626)
    assert found["macro_chrf"] == pytest.approx(candidate.macro_accuracy)
    # What MLflow allows in names.
    assert all(re.fullmatch(r"[\w\-. /:]+", name, re.ASCII) for name in found)
    assert not any("accuracy" in name for name in found)
