"""One model measured under the known names, on few texts and in every form that test data take."""

import json
from collections.abc import Mapping

import pytest

from leanglot.errors import ConfigError, DataError, ModelError
from leanglot.familiar.benchmark import MultilingualModelBenchmark
from leanglot.familiar.tasks import examples_in
from leanglot.measure.weight import folder_size

ROWS = [
    {"text": "filler-1", "label": "lights", "language": "de"},
    {"text": "filler-2", "label": "music", "language": "de"},
    {"text": "filler-3", "label": "weather", "language": "th"},
]
TEXTS, LABELS, TAGS = (["filler-1", "filler-2", "filler-3"], ["lights", "music", "weather"], ["de", "de", "th"])


@pytest.fixture(scope="module")
def benchmark(onnx_artifact):
    return MultilingualModelBenchmark(str(onnx_artifact))


def test_latency_of_three_texts_has_every_percentile(benchmark):
    latency = benchmark.measure_latency(TEXTS)
    assert isinstance(latency, Mapping)
    assert set(latency) == {"p50", "p95", "p99", "mean"}
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]
    assert latency.n == 662
    assert latency.mean == latency["mean"] > 0
    assert latency.missing == {}
    assert len(latency) == 4
    assert json.loads(json.dumps(dict(latency)))["p95"] == latency.p95
    with pytest.raises(KeyError):
        latency["n"]


def test_fewer_calls_leave_out_what_they_cannot_place(benchmark):
    latency = benchmark.measure_latency(["filler-1"], num_runs=20)
    assert latency["p50"] > 0
    assert latency["p95"] is None
    assert latency.missing == {"p95": "20 calls; p95 needs at least 130", "p99": "20 calls; p99 needs at least 662"}


def test_accuracy_by_language(benchmark, tiny_rows):
    columns = [[row[name] for row in tiny_rows] for name in ("text", "label", "language")]
    found = benchmark.measure_accuracy_per_language(*columns)
    assert list(found) == ["de", "en", "sw", "th"]
    predicted = [answer.label for answer in benchmark.classifier.predict(columns[0])]
    right = [own == label for own, label, tag in zip(predicted, *columns[1:], strict=True) if tag == "de"]
    assert found["de"] == sum(right) / len(right)


def test_the_size_is_that_of_the_weights(benchmark, onnx_artifact, tiny_model, tiny_classifier):
    megabytes = MultilingualModelBenchmark(tiny_model).get_model_size_mb()
    weights = sum(weight.numel() * weight.element_size() for weight in tiny_classifier.module.parameters())
    assert megabytes == pytest.approx(weights / 1e6, rel=0.01)
    assert 0 < benchmark.get_model_size_mb() < folder_size(onnx_artifact) / 1e6


@pytest.mark.slow
def test_everything_in_one_record(benchmark, capsys):
    found = benchmark.run_benchmark(ROWS, languages=["de"], num_runs=130)
    assert found.accuracy_by_language == {"de": found.accuracy}
    assert found.quality_by_language["de"].n == 2
    assert found["latency"]["p95"] == found.latency.p95 > 0
    assert found.latency.missing == {"p99": "130 calls; p99 needs at least 662"}
    assert found.latency_by_language["de"].n == 130
    assert found.cold_start_s > 0
    assert found.peak_rss_bytes > 1e6
    assert found.model_size_mb == benchmark.get_model_size_mb()
    assert set(found) >= {"model_name", "latency", "accuracy_by_language", "model_size_mb", "cold_start_s"}
    assert len(found) == len(dict(found)) == 10
    with pytest.raises(KeyError):
        found["speed"]
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_a_cold_start_takes_seconds_of_a_fresh_process(benchmark):
    assert 0.05 < benchmark.measure_cold_start() < 120


@pytest.mark.parametrize(
    "data",
    [
        ROWS,
        {"texts": TEXTS, "labels": LABELS, "languages": TAGS},
        {"text": TEXTS, "label": LABELS, "language": TAGS},
        {"de": (TEXTS[:2], LABELS[:2]), "th": [TEXTS[2:], LABELS[2:]]},
        {"de": {"texts": TEXTS[:2], "labels": LABELS[:2]}, "th": {"text": TEXTS[2:], "label": LABELS[2:]}},
        {"de": ROWS[:2], "th": ROWS[2:]},
    ],
)
def test_test_data_in_every_form(data):
    found = examples_in(data, None, None)
    assert (found.texts, found.labels, found.languages) == (tuple(TEXTS), tuple(LABELS), tuple(TAGS))
    assert examples_in(data, None, ["th"]).texts == ("filler-3",)


def test_test_data_from_a_file_and_as_texts(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    for found in (examples_in(path, None, None), examples_in(str(path), None, None), examples_in(TEXTS, LABELS, TAGS)):
        assert found.texts == tuple(TEXTS)


@pytest.mark.parametrize(
    ("data", "labels", "languages", "said"),
    [
        (TEXTS, LABELS, None, "labels and no languages"),
        (TEXTS, None, TAGS, "Item 0 of the test data is 'filler-1'"),
        (ROWS, None, ["fr"], "no examples in fr"),
        (ROWS, None, ["xx"], '"xx" is not a language tag'),
        ({"de": 3}, None, None, "The test data of 'de' are 3"),
        ({"de": ["a", "b"]}, None, None, "The test data of 'de' are"),
        ({"de": {"sentences": []}}, None, None, "The test data of 'de' are"),
        ({"de": (["a"], [])}, None, None, "de has 1 texts and 0 labels"),
        (7, None, None, "The test data are 7"),
        ([], None, None, "There are no texts"),
        ([{"text": "a", "language": "de"}], None, None, "position 0 has no label"),
    ],
)
def test_test_data_that_cannot_be_used_are_told(data, labels, languages, said):
    with pytest.raises(DataError) as caught:
        examples_in(data, labels, languages)
    assert said in caught.value.message


def test_bad_arguments_are_told(benchmark, onnx_artifact):
    with pytest.raises(ConfigError, match="The device 'cuda' cannot be measured on"):
        MultilingualModelBenchmark(str(onnx_artifact), "cuda")
    with pytest.raises(ModelError):
        MultilingualModelBenchmark(str(onnx_artifact / "nothing"))
    for call in (benchmark.measure_latency, benchmark.run_benchmark):
        with pytest.raises(ConfigError, match="num_runs is 0"):
            call(ROWS if call == benchmark.run_benchmark else TEXTS, num_runs=0)
    for texts, said in (([], "There are no texts"), (["a", " "], "Text 1 is empty"), ("abc", "The texts are 'abc'")):
        with pytest.raises(DataError, match=said):
            benchmark.measure_latency(texts)
