"""From options to settings of the core."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from leanglot.errors import ConfigError, DataError

if TYPE_CHECKING:
    import typer

    from leanglot.config import Costs, DataConfig, TranslationConfig
    from leanglot.exam import Effort
    from leanglot.steps import Setting


def chosen_effort(*, quick: bool) -> "Effort":
    """How much is measured."""
    from leanglot.exam import FULL
    from leanglot.exam import QUICK as LITTLE

    return LITTLE if quick else FULL


def column_names(text: str, label: str, language: str, group: str | None, split: str | None) -> dict[str, str | None]:
    """Names of the data's columns, as in a config file."""
    return {"text": text, "label": label, "language": language, "group": group, "split": split}


def make_setting(
    data: Path,
    columns: dict[str, str | None],
    threads: int | None,
    limit: int | None,
    seed: int,
    *,
    allow_pickle: bool,
) -> "Setting":
    """What the single measurements share."""
    from leanglot.steps import Setting

    source: DataConfig = data_config(data, columns)
    return Setting(data=source, threads=threads, limit=limit, seed=seed, allow_pickle=allow_pickle)


def make_translation(metric: str, beam: int | None) -> "TranslationConfig":
    """How a translation model is searched and judged.

    Raises:
        ConfigError: The metric is unknown.
    """
    from leanglot.config import TranslationConfig
    from leanglot.techniques import MetricName

    if metric not in get_args(MetricName):
        raise ConfigError(f"--metric {metric} is not known.", f"Allowed are {', '.join(get_args(MetricName))}.")
    return TranslationConfig.model_validate({"metric": metric, "beam": beam})


def data_config(data: Path, columns: dict[str, str | None]) -> "DataConfig":
    """Where the labelled data are."""
    from leanglot.config import make_data

    return make_data({"path": data, "columns": columns})


def data_of(path: Path | None, columns: dict[str, str | None]) -> "DataConfig | None":
    """Where data are that need not be given."""
    return None if path is None else data_config(path, columns)


def search_values(
    *, search: bool, budget: str | None, trials: int | None, train: bool, recipe: Path | None
) -> dict[str, Any] | None:
    """The key ``search`` of a config, as in a config file; None where no search is asked for.

    Raises:
        ConfigError: Options of a search stand without it, recipes stand beside it, or the budget is no length of time.
    """
    from leanglot.config.deciding import seconds_of

    if not search:
        idle = {"--budget": budget is not None, "--search-trials": trials is not None, "--no-search-train": not train}
        if given := [flag for flag, typed in idle.items() if typed]:
            raise ConfigError(f"{', '.join(given)} has no effect without --search.", "Add --search, or leave it out.")
        return None
    if recipe is not None:
        raise ConfigError(
            "--search writes its own recipes, and --recipe gives some.", "Leave out either --search or --recipe."
        )
    values: dict[str, Any] = {"trials": trials, "train": train}
    try:
        return values if budget is None else values | {"budget_s": seconds_of(budget)}
    except ValueError as error:
        raise ConfigError(f"--budget: {error}.", "For example: --budget 30m.") from None


def log_values(context: "typer.Context", log_with: str | None, log_folder: Path) -> dict[str, Any]:
    """Where a run is logged, as in a config file; empty where nothing asks for it.

    Raises:
        ConfigError: The tracker is unknown, or a folder is given and no tracker.
    """
    if log_with is None:
        refuse_idle(context, ("log_folder",), "--log-with says what to log for")
        return {}
    if log_with != "mlflow":
        raise ConfigError(f"--log-with {log_with} is not known for runs.", "Allowed is mlflow.")
    return {"log": {"tracker": log_with, "folder": log_folder}}


def read_tolerances(options: Sequence[str]) -> dict[Any, float]:
    """``goal=0.01`` for each goal; the goals themselves are checked where they are used."""
    return named_numbers("--tolerance", options, "goal=0.01", "For example: speed=0.02.")


def named_numbers(flag: str, options: Sequence[str], form: str, hint: str) -> dict[str, float]:
    """``name=number`` for each option.

    Raises:
        ConfigError: An option is not of that form.
    """
    found = {}
    for option in options:
        name, _, number = option.partition("=")
        try:
            found[name] = float(number)
        except ValueError:
            raise ConfigError(f"{flag} {option} is not of the form {form}.", hint) from None
    return found


def by_language(flag: str, options: Sequence[str], form: str) -> dict[str, float]:
    """``th=0.80`` for each language: numbers by canonical tag.

    Raises:
        ConfigError: An option is not of that form, names no language, or one that was named before.
    """
    from leanglot.languages import canonical_tag

    found: dict[str, float] = {}
    for option in options:
        name, _, number = option.partition("=")
        try:
            value = float(number)
            tag = canonical_tag(name.strip())
        except ValueError:
            raise ConfigError(f"{flag} {option} is not of the form {form}.", f"For example: {flag} th=0.80.") from None
        except DataError as error:
            raise ConfigError(f"{flag} {option}: {error.message}", error.hint) from error
        if tag in found:
            raise ConfigError(f"{flag} is given twice for {tag}.", "Give it once for each language.")
        found[tag] = value
    return found


def language_shares(options: Sequence[str]) -> dict[str, float]:
    """``de=0.3`` for each language.

    Raises:
        ConfigError: An option is not of that form.
    """
    return named_numbers("--traffic", options, "de=0.3", "Give one for each language.")


def importance_values(
    method: str, combine: str, samples: int, traffic: Sequence[str] | None, seed: int
) -> dict[str, Any]:
    """How importance is measured, as in a config file.

    Raises:
        ConfigError: A language's share of the traffic is no number.
    """
    values: dict[str, Any] = {"method": method, "combine": combine, "samples": samples, "seed": seed}
    return values | ({"traffic": language_shares(traffic)} if traffic else {})


def layer_numbers(option: str | None) -> list[int]:
    """``1,3``: numbers of layers.

    Raises:
        ConfigError: The option is not of that form.
    """
    try:
        return [] if option is None else [int(number) for number in option.split(",")]
    except ValueError:
        raise ConfigError(f"--remove-layers {option} names no layers.", "For example: --remove-layers 1,3.") from None


def head_numbers(options: Sequence[str]) -> dict[int, list[int]]:
    """``0:1,3`` for each layer: numbers of heads by layer.

    Raises:
        ConfigError: An option is not of that form.
    """
    by_layer: dict[int, list[int]] = {}
    for option in options:
        layer, _, numbers = option.partition(":")
        try:
            by_layer.setdefault(int(layer), []).extend(int(number) for number in numbers.split(","))
        except ValueError:
            raise ConfigError(
                f"--remove-heads {option} names no heads of a layer.",
                "For example: --remove-heads 0:1,3 for two heads of layer 0.",
            ) from None
    return by_layer


def costs_of(path: Path | None, *, normalize_traffic: bool) -> "Costs | None":
    """What predictions cost, where a file says it.

    Raises:
        ConfigError: The file cannot be used, or there is none whose traffic could be normalized.
    """
    from leanglot.config import load_costs

    if path is not None:
        return load_costs(path, normalize_traffic=normalize_traffic)
    if normalize_traffic:
        raise ConfigError("--normalize-traffic has no effect without --costs.", "Add --costs FILE, or leave it out.")
    return None


def refuse_idle(context: "typer.Context", names: Sequence[str], why: str) -> None:
    """Refuse options that were typed and have no effect.

    Raises:
        ConfigError: One was.
    """
    typed = [name for name in names if was_typed(context, name)]
    if typed:
        given = ", ".join(f"--{name.replace('_', '-')}" for name in typed)
        raise ConfigError(f"{given} {'has' if len(typed) == 1 else 'have'} no effect here: {why}.", "Leave it out.")


def was_typed(context: "typer.Context", name: str) -> bool:
    """Whether an option stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
