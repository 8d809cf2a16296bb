"""One recommendation from reports, scenarios, their costs and benchmark results, and what cannot be compared."""

import subprocess
import sys
from pathlib import Path

import pytest

from leanglot.errors import ConfigError, DataError, RunError
from leanglot.familiar.benchmark_result import BenchmarkResult
from leanglot.familiar.latencies import Latencies
from leanglot.familiar.recommending import recommend
from leanglot.familiar.scenarios import CostBenefitAnalyzer, OptimizationScenario
from leanglot.results.folder import read_report
from leanglot.results.measures import LanguageQuality
from leanglot.results.records import Environment

GOLDEN = Path(__file__).parents[2] / "golden" / "report-v1.json"


def variant(name, accuracy, p95, size):
    return OptimizationScenario(name, {"en": accuracy}, p95, 0, size)


# The five variants of a DistilBERT on SST-2, as a public comparison gives them.
VARIANTS = [
    variant("Baseline FP32", 0.91, 5.42, 255.4),
    variant("INT8", 0.92, 21.0, 91.0),
    variant("Pruned 30", 0.90, 3.93, 255.4),
    variant("Pruned 50", 0.84, 3.71, 255.4),
    variant("Pruned 30 + INT8", 0.91, 17.8, 91.0),
]


@pytest.mark.parametrize(
    ("priority", "chosen"),
    [("speed", "Pruned 30"), ("accuracy", "INT8"), ("size", "INT8"), ("balanced", "Pruned 30")],
)
def test_the_five_variants_of_a_public_comparison(priority, chosen):
    found = recommend(VARIANTS, priority=priority, accuracy_tolerance=0.01)
    assert found.candidate == chosen
    assert found.accuracy_tolerance == 0.01
    assert "proven" in found.reason


def test_one_point_is_the_tolerance_where_none_is_given():
    assert recommend(VARIANTS, priority="speed") == recommend(VARIANTS, "speed", 0.01)
    assert recommend(VARIANTS, "speed", 0.08).candidate == "Pruned 50"


def test_where_nothing_is_within_the_tolerance_nothing_is_recommended_and_why():
    found = recommend([VARIANTS[0], VARIANTS[3]], "speed", 0.01)
    assert found.candidate is None
    assert found.reason == "No candidate qualifies for speed: 1 losing more than 1.0 point of accuracy."


def test_a_report_its_folder_and_its_candidates_say_the_same(tmp_path):
    (tmp_path / "report.json").write_bytes(GOLDEN.read_bytes())
    stored = read_report(GOLDEN)
    answers = [recommend(held, "size", 0.02) for held in (stored, tmp_path, str(tmp_path), list(stored.candidates))]
    assert answers == [answers[0]] * 4
    assert answers[0].candidate is not None


def test_without_a_priority_there_is_an_answer_for_each_goal():
    stored = read_report(GOLDEN)
    found = recommend(stored)
    assert set(found) == {"speed", "accuracy", "size", "balanced"}
    assert set(recommend(stored.candidates, goals=("size",), tolerances={"size": 0.0}, strict=True)) == {"size"}


def test_the_baseline_is_the_one_named_so_or_the_first():
    other = [variant("small", 0.91, 4.0, 100), *VARIANTS[:1]]
    assert recommend(other, "size").candidate == "small"
    unnamed = [variant("big", 0.91, 6.0, 200), variant("small", 0.91, 4.0, 100)]
    assert recommend(unnamed, "size").candidate == "small"
    assert recommend(unnamed, "size", baseline="small").candidate is None
    with pytest.raises(DataError, match="No result is called 'large'"):
        recommend(unnamed, "size", baseline="large")


def test_priced_scenarios_lie_in_the_order_of_cost_so_the_baseline_must_be_known():
    analyzer = CostBenefitAnalyzer({"en": 1.0}, {"en": 1}, 100)
    assert recommend(analyzer.compare_scenarios(VARIANTS), "speed").candidate == "Pruned 30"
    costs = analyzer.compare_scenarios(VARIANTS[1:])
    with pytest.raises(DataError, match="which of these scenarios is the baseline"):
        recommend(costs, "speed")
    assert recommend(costs, "speed", baseline="INT8", accuracy_tolerance=0.02).candidate == "Pruned 30"


def environment(**changed):
    values = {"cpu": "a", "isa": ("avx2",), "cores": 2, "threads": 2, "memory_bytes": 1, "platform": "linux"}
    return Environment(**(values | {"versions": {}} | changed))


def measured(name, accuracy, p50, size, n=50, tag="de", **changed):
    quality = LanguageQuality(
        n=n, accuracy=accuracy, accuracy_low=0, accuracy_high=1, macro_f1=0, precision=0, recall=0
    )
    return BenchmarkResult(
        model_name=name,
        latency=Latencies(p50, None, None, p50, 10),
        latency_by_language={},
        accuracy=accuracy,
        accuracy_by_language={tag: accuracy},
        quality_by_language={tag: quality},
        model_size_mb=size,
        cold_start_s=1,
        peak_rss_bytes=1,
        environment=environment(**changed),
    )


def test_benchmark_results_in_a_list_or_by_name():
    first, second = measured("a/big", 0.9, 10.0, 100), measured("b/small", 0.9, 5.0, 50)
    assert recommend([first, second], "balanced").candidate == "b/small"
    found = recommend({"baseline": second, "other": first}, "speed")
    assert found.candidate is None
    assert recommend({"x": first, "y": second}, "speed").candidate == "y"


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([measured("a", 0.9, 9, 9), measured("b", 0.9, 9, 9, cpu="b")], "different machines: cpu is 'b' and 'a'"),
        ([measured("a", 0.9, 9, 9), measured("b", 0.9, 9, 9, n=3)], "different numbers of examples"),
        ([measured("a", 0.9, 9, 9), measured("b", 0.9, 9, 9, tag="th")], "b lacks de and has also th"),
        ([measured("a", 0.9, 9, 9), measured("a", 0.9, 9, 9)], "Two results go by one name: a, a"),
        ([measured("a", 0.9, 9, 9), VARIANTS[0]], "BenchmarkResult, OptimizationScenario"),
        ([VARIANTS[0], VARIANTS[0]], "Several are called 'Baseline FP32'"),
        ([], "0 of the 0 candidates have the status 'baseline'"),
        ({}, "There are no results"),
        ({"a": VARIANTS[0]}, "These results cannot be compared: OptimizationScenario"),
        (measured("a", 0.9, 9, 9), "One BenchmarkResult is nothing to choose from"),
        (VARIANTS[0], "One OptimizationScenario is nothing to choose from"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_compared_is_refused_with_the_difference(results, said):
    with pytest.raises(DataError) as caught:
        recommend(results, "speed")
    assert said in caught.value.message


def test_arguments_that_exclude_each_other_are_refused():
    with pytest.raises(ConfigError, match="accuracy_tolerance is for a priority"):
        recommend(VARIANTS, accuracy_tolerance=0.02)
    with pytest.raises(ConfigError, match="no effect beside a priority"):
        recommend(VARIANTS, "speed", tolerances={"speed": 0.02})
    with pytest.raises(ConfigError, match="have their baseline"):
        recommend(read_report(GOLDEN), "speed", baseline="int8")
    with pytest.raises(ConfigError, match="The goal 'latency' is unknown"):
        recommend(VARIANTS, "latency")
    with pytest.raises(ConfigError, match="between 0 and 1"):
        recommend(VARIANTS, "speed", 2)


def test_a_run_folder_that_is_none_is_told(tmp_path):
    with pytest.raises(RunError, match="There is no report"):
        recommend(tmp_path, "speed")


def test_recommending_from_stored_results_loads_no_torch():
    program = "import leanglot, sys; leanglot.recommend; leanglot.CostBenefitAnalyzer; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
