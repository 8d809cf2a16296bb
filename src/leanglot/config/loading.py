"""Reads settings from a YAML file or from options, and names every fault at once."""

import reprlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from leanglot.config.costs import Costs
from leanglot.config.faults import described
from leanglot.config.logs import LogConfig
from leanglot.config.places import expanded
from leanglot.config.settings import CandidateConfig, DataConfig, RecipeFile, RunConfig, repeated_names
from leanglot.errors import ConfigError
from leanglot.techniques import Importance

MAX_CONFIG_BYTES: Final = 1_000_000

Settings = TypeVar("Settings", bound=BaseModel)

_FAULTS_LISTED: Final = 50


def make_config(values: Mapping[str, object], source: str = "The settings") -> RunConfig:
    """Checks settings and completes them with their defaults.

    Args:
        values: Settings as in the YAML file, by key.
        source: What the settings came from, for the error's first words.

    Returns:
        The checked settings.

    Raises:
        ConfigError: Naming every fault at once, each with its place and what is allowed.
    """
    return _checked(values, source, [])


def make_data(values: Mapping[str, object]) -> DataConfig:
    """Checks where the labelled data are.

    Args:
        values: Settings as under ``data`` in the YAML file, by key.

    Returns:
        The checked settings.

    Raises:
        ConfigError: Naming every fault at once.
    """
    return _validated(DataConfig, values, "The data")


def make_importance(values: Mapping[str, object]) -> Importance:
    """Checks how importance is measured.

    Args:
        values: Settings as under ``importance`` in the YAML file, by key.

    Returns:
        The checked settings.

    Raises:
        ConfigError: Naming every fault at once.
    """
    return _validated(Importance, values, "The importance")


def make_candidate(values: Mapping[str, object]) -> CandidateConfig:
    """Checks the settings of one candidate.

    Args:
        values: Settings as in the YAML file, by key.

    Returns:
        The checked settings.

    Raises:
        ConfigError: Naming every fault at once.
    """
    return _validated(CandidateConfig, values, "The candidate")


def load_recipes(path: Path) -> tuple[CandidateConfig, ...]:
    """Reads a YAML file with the key ``candidates`` alone.

    Args:
        path: The file, UTF-8, at most 1 MB.

    Raises:
        ConfigError: When the file is missing or no YAML mapping, or candidates are wrong: every fault at once.
    """
    values, repeated = _parsed(path, _contents(path), needs="the key candidates")
    if repeated:
        raise _config_error(str(path), repeated)
    return _validated(RecipeFile, values, str(path)).candidates


def load_costs(path: Path, *, normalize_traffic: bool = False) -> Costs:
    """Reads a YAML file of what predictions and errors cost: the keys of `Costs`.

    Args:
        path: The file, UTF-8, at most 1 MB.
        normalize_traffic: Divide shares that do not sum to 1 by their sum, whatever the file says.

    Returns:
        The checked prices.

    Raises:
        ConfigError: When the file is missing or no YAML mapping, or prices are wrong: every fault at once.
    """
    path = Path(path)
    values, repeated = _parsed(path, _contents(path), needs="the keys monthly_predictions, traffic and error_cost")
    if normalize_traffic:
        values["normalize_traffic"] = True
    return _validated(Costs, values, str(path), repeated)


def load_config(path: Path) -> RunConfig:
    """Reads and checks a YAML config file.

    Relative paths in it are relative to the file. A ``model`` that names no folder there is taken for a hub
    name, unless it begins with a dot.

    Args:
        path: The file, UTF-8, at most 1 MB.

    Returns:
        The checked settings, with absolute paths.

    Raises:
        ConfigError: When the file is missing or no YAML mapping, or settings are wrong: every fault at once.
    """
    path = Path(path)
    values, repeated = _parsed(path, _contents(path))
    config = _checked(values, str(path), repeated)
    folder = path.resolve().parent
    data, calibration, corpus, training = (
        _in_folder(source, folder) for source in (config.data, config.calibration, config.corpus, config.training)
    )
    output = folder / expanded(config.output)
    model = folder / expanded(config.model)
    is_folder = config.model.startswith((".", "~")) or model.exists()
    return config.model_copy(
        update={
            "data": data,
            "calibration": calibration,
            "corpus": corpus,
            "training": training,
            "output": output,
            "log": _log_in_folder(config.log, folder),
            "model": str(model) if is_folder else config.model,
        }
    )


def _log_in_folder(log: LogConfig | None, folder: Path) -> LogConfig | None:
    """The same for where the run is logged."""
    return None if log is None else log.model_copy(update={"folder": folder / expanded(log.folder)})


def _in_folder(source: DataConfig | None, folder: Path) -> DataConfig | None:
    """The data with a path that does not depend on the working folder."""
    return None if source is None else source.model_copy(update={"path": folder / expanded(source.path)})


def _validated(kind: type[Settings], values: Mapping[str, object], source: str, faults: Sequence[str] = ()) -> Settings:
    try:
        settings = kind.model_validate(dict(values))
    except ValidationError as error:
        found = [described(detail, kind) for detail in error.errors(include_url=False)]
        raise _config_error(source, [*faults, *found]) from error
    if faults:
        raise _config_error(source, faults)
    return settings


def _checked(values: Mapping[str, object], source: str, faults: Sequence[str]) -> RunConfig:
    try:
        config = RunConfig.model_validate(dict(values))
    except ValidationError as error:
        found = [
            described(detail, RunConfig)
            for detail in error.errors(include_url=False)
            if detail["type"] != "default_factory_not_called"  # This follows from another fault.
        ]
        # Pydantic compares names only once every candidate is right by itself; the reader wants both at once.
        repeated = repeated_names(_names_in(values.get("candidates")))
        repeats = [] if repeated is None else [f"candidates: {repeated}"]
        raise _config_error(source, list(dict.fromkeys([*faults, *found, *repeats]))) from error
    if faults:
        raise _config_error(source, faults)
    return config


def _contents(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_CONFIG_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"There is no config file {path}.", "Give the path of a YAML file.") from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder.", "Give the path of a YAML file in it.") from None
    except OSError as error:
        raise ConfigError(f"The config file {path} cannot be read: {error.strerror}.") from error
    if len(raw) > MAX_CONFIG_BYTES:
        message = f"The config file {path} is larger than {MAX_CONFIG_BYTES:,} bytes."
        raise ConfigError(message, "If it is the data file, name it under data.path in a config file.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"The config file {path} is not UTF-8 at byte {error.start}."
        raise ConfigError(message, "Save it as UTF-8.") from error


def _parsed(
    path: Path, text: str, needs: str = "at least the keys model and data"
) -> tuple[dict[str, object], list[str]]:
    """The file's values, and the keys that occur twice."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        repeated = list(_repeated_keys(path, root))
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise ConfigError(f"{path}{place}: {error.problem}.", "The file must be plain YAML.") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        message = f"{path} is not plain YAML: {reprlib.repr(str(error))}"
        raise ConfigError(message, "The file must be plain YAML.") from error
    if not isinstance(values, dict):
        found = "is empty" if values is None else f"holds a {type(values).__name__}, not keys with values"
        raise ConfigError(f"The config file {path} {found}.", f"It needs {needs}.")
    return values, repeated


def _repeated_keys(path: Path, root: yaml.Node | None) -> Iterator[str]:
    """Keys that occur twice in one mapping, of which YAML readers silently take the last."""
    waiting, seen = [root], {id(None)}
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # An alias leads to a node again, even to itself.
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            waiting.extend(value for _, value in node.value)
            yield from _repeated_in(path, [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)])


def _repeated_in(path: Path, keys: Sequence[yaml.ScalarNode]) -> Iterator[str]:
    seen: set[str] = set()
    for key in keys:
        line = key.start_mark.line + 1
        if key.tag == "tag:yaml.org,2002:merge":  # A few of these, nested, would fill any memory.
            raise ConfigError(f"{path}, line {line}: merge keys (<<) are not supported.", "Write the keys out.")
        if key.value in seen:
            yield f'line {line}: the key "{key.value:.60}" occurs twice'
        seen.add(key.value)


def _config_error(source: str, faults: Sequence[str]) -> ConfigError:
    count = "1 setting" if len(faults) == 1 else f"{len(faults)} settings"
    listed = list(faults[:_FAULTS_LISTED])
    if len(faults) > _FAULTS_LISTED:
        listed.append(f"and {len(faults) - _FAULTS_LISTED} more")
    lines = "".join(f"\n  {fault}" for fault in listed)
    return ConfigError(f"{source}: {count} cannot be used:{lines}", "Correct what is listed and run it again.")


def _names_in(candidates: object) -> list[str]:
    items = candidates if isinstance(candidates, list | tuple) else []
    names = [item.get("name") if isinstance(item, dict) else getattr(item, "name", None) for item in items]
    return [name for name in names if isinstance(name, str)]
