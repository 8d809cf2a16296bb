"""Puts the faults of settings into words: where each stands, what was met, what is allowed."""

import difflib
import re
import reprlib
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails


def described(detail: ErrorDetails, settings: type[BaseModel]) -> str:
    """One fault in one line.

    Args:
        detail: What pydantic found.
        settings: What it was validating, such as `RunConfig`.

    Returns:
        Such as ``candidates[0].runtime: 'tflite' is not allowed: it should be 'pytorch' or 'onnxruntime'``.
    """
    place, models = _followed(detail["loc"], settings)
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        names = [name for model in models for name in model.model_fields]
        return f"{place}: unknown key; {_nearest(str(detail['loc'][-1]), names)}"
    if kind == "missing":
        return f"{place}: is missing"
    if kind == "value_error":
        return f"{place}: {context['error']}"
    if kind == "union_tag_invalid":
        techniques = re.findall(r"'([^']+)'", str(context["expected_tags"]))
        met = str(context["tag"])[:60]
        return f'{place}: unknown technique "{met}"; {_nearest(met, techniques)}'
    if kind == "union_tag_not_found":
        return f"{place}: the step has no key technique"
    return f"{place}: {_brief(detail['input'])} is not allowed: {_plain(detail['msg'])}"


def _brief(value: object) -> str:
    """The value as Python writes it, cut short: YAML's aliases can make a small file print as gigabytes."""
    shortener = reprlib.Repr()
    shortener.maxlevel, shortener.maxlist, shortener.maxdict, shortener.maxstring = 2, 3, 3, 60
    return shortener.repr(value)


def _plain(message: str) -> str:
    """Pydantic's sentence with YAML's words in place of Python's."""
    message = re.sub(r"valid dictionary or (instance of \w+|object.*)", "mapping of keys to values", message)
    message = re.sub(r"Input is not a valid path.*", "it should be a path", message)
    return re.sub(r"^(Input|String) should", "it should", message).replace("valid tuple", "list")


def _nearest(name: str, allowed: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, allowed, n=1)
    return f"did you mean {near[0]}?" if near else f"allowed: {', '.join(allowed)}"


def _followed(location: Sequence[int | str], settings: type[BaseModel]) -> tuple[str, list[type[BaseModel]]]:
    """Follows a location down the settings.

    Returns:
        The location as the file's reader would write it, and the models that its last part is a key of.
    """
    place = ""
    models = inner = [settings]
    for part in location:
        if isinstance(part, int):
            place += f"[{part}]"
            continue
        tagged = [model for model in inner if _tag(model) == part]
        if tagged:  # The choice between techniques is a step of pydantic's path that the file does not have.
            inner = tagged
            continue
        place += f".{part:.60}" if place else f"{part:.60}"
        models = inner
        inner = [
            found
            for model in inner
            if part in model.model_fields
            for found in _models_in(model.model_fields[part].annotation)
        ]
    return place or "recipe", models


def _tag(model: type[BaseModel]) -> object:
    field = model.model_fields.get("technique")
    return None if field is None else field.default


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - an annotation can be anything
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
