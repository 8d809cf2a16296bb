"""The settings of a run, and reading them from YAML."""

from leanglot.config.costs import Costs, Infrastructure
from leanglot.config.deciding import RoutingConfig, SearchConfig
from leanglot.config.loading import (
    MAX_CONFIG_BYTES,
    load_config,
    load_costs,
    load_recipes,
    make_candidate,
    make_config,
    make_data,
    make_importance,
)
from leanglot.config.logs import LogConfig
from leanglot.config.settings import (
    BASELINE_NAME,
    DEFAULT_CANDIDATES,
    CandidateConfig,
    Columns,
    DataConfig,
    RepairConfig,
    RunConfig,
    TranslationConfig,
    name_fault,
)

__all__ = [
    "BASELINE_NAME",
    "DEFAULT_CANDIDATES",
    "MAX_CONFIG_BYTES",
    "CandidateConfig",
    "Columns",
    "Costs",
    "DataConfig",
    "Infrastructure",
    "LogConfig",
    "RepairConfig",
    "RoutingConfig",
    "RunConfig",
    "SearchConfig",
    "TranslationConfig",
    "load_config",
    "load_costs",
    "load_recipes",
    "make_candidate",
    "make_config",
    "make_data",
    "make_importance",
    "name_fault",
]
