"""leanglot makes multilingual language models small and fast, and shows language by language whether anybody paid.

The public names are imported when they are first used, so that ``import leanglot`` itself loads no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from leanglot.config import CandidateConfig, Columns, DataConfig, RunConfig, load_config
    from leanglot.decide.recommend import recommend
    from leanglot.decide.verdict import judge
    from leanglot.errors import LeanglotError
    from leanglot.pipeline import optimize
    from leanglot.results.folder import read_report
    from leanglot.results.records import Candidate, RunReport, Verdict
    from leanglot.runtimes.loading import load
    from leanglot.techniques import Int8, MagnitudePruning

__version__: Final = "0.1.0"

_HOMES: Final = {
    "Candidate": "leanglot.results.records",
    "CandidateConfig": "leanglot.config",
    "Columns": "leanglot.config",
    "DataConfig": "leanglot.config",
    "Int8": "leanglot.techniques",
    "LeanglotError": "leanglot.errors",
    "MagnitudePruning": "leanglot.techniques",
    "RunConfig": "leanglot.config",
    "RunReport": "leanglot.results.records",
    "Verdict": "leanglot.results.records",
    "judge": "leanglot.decide.verdict",
    "load": "leanglot.runtimes.loading",
    "load_config": "leanglot.config",
    "optimize": "leanglot.pipeline",
    "read_report": "leanglot.results.folder",
    "recommend": "leanglot.decide.recommend",
}

__all__ = [
    "Candidate",
    "CandidateConfig",
    "Columns",
    "DataConfig",
    "Int8",
    "LeanglotError",
    "MagnitudePruning",
    "RunConfig",
    "RunReport",
    "Verdict",
    "judge",
    "load",
    "load_config",
    "optimize",
    "read_report",
    "recommend",
]


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'leanglot' has no attribute {name!r}")
    from leanglot.quiet import quiet_imports

    with quiet_imports():
        value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, whether imported yet or not."""
    return sorted({*globals(), *__all__})
