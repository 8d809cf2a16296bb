"""Optional dependencies: imported when needed, and missed with the command that installs them."""

import importlib
from types import ModuleType

from leanglot.errors import MissingExtraError


def require(module: str, extra: str) -> ModuleType:
    """Imports a module that only an extra installs.

    Args:
        module: Dotted name of the module, such as ``hassil.sample``.
        extra: Name of the extra of leanglot that installs it, such as ``demo``.

    Returns:
        The imported module.

    Raises:
        MissingExtraError: When the module, or something it needs, is missing or cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = _package(error.name or module)
        needed_for = "" if missing == _package(module) else f", which {module} needs,"
        message = f"The package {missing}{needed_for} is not installed."
        raise MissingExtraError(message, _command(extra)) from error
    except ImportError as error:
        message = f"The module {module} is installed but cannot be imported: {error}"
        raise MissingExtraError(message, _command(extra)) from error


def _package(module: str) -> str:
    return module.partition(".")[0]


def _command(extra: str) -> str:
    return f'Install it with: pip install "leanglot[{extra}]"'
