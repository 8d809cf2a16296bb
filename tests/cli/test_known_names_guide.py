"""The guide to the known names runs as written, and prints what it says where that does not depend on the machine."""

import contextlib
import io
import re
import shutil
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[2] / "docs" / "known-names.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```(?:\s+^```text\n(.*?)^```)?", GUIDE, flags=re.MULTILINE | re.DOTALL)


def test_the_guide_shows_every_name():
    code = "".join(block for block, _ in BLOCKS)
    for name in (
        *("MultilingualModelBenchmark", "measure_latency", "measure_accuracy_per_language", "get_model_size_mb"),
        *("measure_cold_start", "run_benchmark", "PerLanguageEvaluator", "evaluate", "check_thresholds"),
        *("calculate_error_weighted_cost", "generate_report", "OptimizationScenario", "CostBenefitAnalyzer"),
        *("calculate_total_monthly_cost", "compare_scenarios", "find_pareto_optimal", "recommend"),
        *("MultilingualMonitor", "log_prediction", "calculate_rolling_accuracy", "check_accuracy_drift"),
        "get_dashboard_metrics",
    ):
        assert name in code, name
    assert sum(bool(printed) for _, printed in BLOCKS) == 4


@pytest.mark.slow
def test_the_guide_runs_as_written(tiny_model, tmp_path, monkeypatch):
    shutil.copytree(tiny_model, tmp_path / "my-model")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block, printed in BLOCKS:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block, "known-names.md", "exec"), names)  # noqa: S102 - the guide's own code
        assert out.getvalue() == printed or not printed
        assert out.getvalue()
