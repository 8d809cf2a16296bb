"""From options to settings of the core."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leanglot.errors import ConfigError

if TYPE_CHECKING:
    import typer

    from leanglot.config import DataConfig
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


def data_config(data: Path, columns: dict[str, str | None]) -> "DataConfig":
    """Where the labelled data are."""
    from leanglot.config import make_data

    return make_data({"path": data, "columns": columns})


def data_of(path: Path | None, columns: dict[str, str | None]) -> "DataConfig | None":
    """Where data are that need not be given."""
    return None if path is None else data_config(path, columns)


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


def units(options: Sequence[str | None]) -> Any:  # noqa: ANN401 - a list, or lists by layer
    """Numbers of layers from ``1,3``; numbers of heads by layer from ``0:1,3`` for each layer.

    Raises:
        ConfigError: An option is not of that form.
    """
    lists: list[int] = []
    by_layer: dict[int, list[int]] = {}
    for option in options:
        if option is None:
            continue
        layer, colon, numbers = option.rpartition(":")
        try:
            found = [int(number) for number in numbers.split(",")]
            if colon:
                by_layer.setdefault(int(layer), []).extend(found)
            else:
                lists.extend(found)
        except ValueError:
            raise ConfigError(
                f"{option!r} names no layers and no heads.", "For example: --remove-layers 1,3 or --remove-heads 0:1,3."
            ) from None
    return by_layer or lists


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
