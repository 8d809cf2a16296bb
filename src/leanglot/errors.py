"""The exceptions a caller can meet: every one says what is wrong, what is allowed and what to do next."""


class LeanglotError(Exception):
    """Base of all errors that leanglot raises on purpose.

    The command line shows the message and ends with exit code 2; nothing is left half-written.

    Args:
        message: What is wrong, with the value that was met and where it stands.
        hint: What is allowed, or the next command to run.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message}\n{hint}")
        self.message = message
        self.hint = hint


class ConfigError(LeanglotError):
    """A setting or a config file cannot be used; lists every fault at once."""


class DataError(LeanglotError):
    """The labelled data cannot be used: missing, broken, or not what the model expects."""


class ModelError(LeanglotError):
    """A model folder or artifact cannot be used: missing, damaged, unsafe, or of an unknown family."""


class RecipeError(LeanglotError):
    """A recipe cannot be carried out on this model or this runtime."""


class TrainingError(LeanglotError):
    """A training cannot go on: its loss is no number any more or explodes, or its checkpoint cannot be used."""


class MissingExtraError(LeanglotError):
    """An optional dependency is not installed; names the command that installs it."""


class RunError(LeanglotError):
    """A run folder cannot be used: not writable, damaged, of a newer schema, or made from other inputs."""


class StorageError(LeanglotError):
    """The disk refused a write: no space, or no permission."""
