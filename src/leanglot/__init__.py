"""leanglot makes multilingual language models small and fast, and shows language by language whether anybody paid.

The public names are imported when they are first used, so that ``import leanglot`` itself loads no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from leanglot import numerics
    from leanglot.compress.modules import quantize
    from leanglot.config import CandidateConfig, Columns, DataConfig, RepairConfig, RunConfig, load_config, load_recipes
    from leanglot.decide.verdict import judge
    from leanglot.errors import LeanglotError
    from leanglot.familiar.benchmark import MultilingualModelBenchmark
    from leanglot.familiar.evaluator import PerLanguageEvaluator
    from leanglot.familiar.metrics import LanguageMetrics
    from leanglot.familiar.monitor import MultilingualMonitor
    from leanglot.familiar.recommending import recommend
    from leanglot.familiar.scenarios import CostBenefitAnalyzer, OptimizationScenario
    from leanglot.pipeline import optimize
    from leanglot.results.folder import read_report
    from leanglot.results.records import Candidate, RunReport, Verdict
    from leanglot.runtimes.opening import load
    from leanglot.techniques import Calibration, Distillation, HalfPrecision, Int8, MagnitudePruning, WeightOnly
    from leanglot.train.loss import DistillationLoss

__version__: Final = "0.1.0"

_HOMES: Final = {
    "Calibration": "leanglot.techniques",
    "Candidate": "leanglot.results.records",
    "CandidateConfig": "leanglot.config",
    "Columns": "leanglot.config",
    "CostBenefitAnalyzer": "leanglot.familiar.scenarios",
    "DataConfig": "leanglot.config",
    "Distillation": "leanglot.techniques",
    "DistillationLoss": "leanglot.train.loss",
    "HalfPrecision": "leanglot.techniques",
    "Int8": "leanglot.techniques",
    "LanguageMetrics": "leanglot.familiar.metrics",
    "LeanglotError": "leanglot.errors",
    "MagnitudePruning": "leanglot.techniques",
    "MultilingualModelBenchmark": "leanglot.familiar.benchmark",
    "MultilingualMonitor": "leanglot.familiar.monitor",
    "OptimizationScenario": "leanglot.familiar.scenarios",
    "PerLanguageEvaluator": "leanglot.familiar.evaluator",
    "RepairConfig": "leanglot.config",
    "RunConfig": "leanglot.config",
    "RunReport": "leanglot.results.records",
    "Verdict": "leanglot.results.records",
    "WeightOnly": "leanglot.techniques",
    "judge": "leanglot.decide.verdict",
    "load": "leanglot.runtimes.opening",
    "load_config": "leanglot.config",
    "load_recipes": "leanglot.config",
    "numerics": "leanglot",
    "optimize": "leanglot.pipeline",
    "quantize": "leanglot.compress.modules",
    "read_report": "leanglot.results.folder",
    "recommend": "leanglot.familiar.recommending",
}

__all__ = [
    "Calibration",
    "Candidate",
    "CandidateConfig",
    "Columns",
    "CostBenefitAnalyzer",
    "DataConfig",
    "Distillation",
    "DistillationLoss",
    "HalfPrecision",
    "Int8",
    "LanguageMetrics",
    "LeanglotError",
    "MagnitudePruning",
    "MultilingualModelBenchmark",
    "MultilingualMonitor",
    "OptimizationScenario",
    "PerLanguageEvaluator",
    "RepairConfig",
    "RunConfig",
    "RunReport",
    "Verdict",
    "WeightOnly",
    "judge",
    "load",
    "load_config",
    "load_recipes",
    "numerics",
    "optimize",
    "quantize",
    "read_report",
    "recommend",
]


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'leanglot' has no attribute {name!r}")
    from leanglot.quiet import quiet_imports

    with quiet_imports():
        home = import_module(_HOMES[name])
        value = import_module(f"{__name__}.{name}") if home.__name__ == __name__ else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, whether imported yet or not."""
    return sorted({*globals(), *__all__})
