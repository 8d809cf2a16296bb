"""The public names: all there, each from its home, and none imported before it is used."""

import subprocess
import sys
from importlib import import_module, metadata

import pytest

import leanglot


def test_the_names_are_sorted_and_each_has_a_home():
    assert leanglot.__all__ == sorted(leanglot.__all__)
    assert set(leanglot.__all__) == set(leanglot._HOMES)


@pytest.mark.parametrize("name", leanglot.__all__)
def test_a_name_is_the_object_of_its_home(name):
    assert getattr(leanglot, name) is getattr(import_module(leanglot._HOMES[name]), name)


def test_all_names_are_listed():
    assert {*leanglot.__all__, "__version__"} <= set(dir(leanglot))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'leanglot' has no attribute 'quantise'"):
        _ = leanglot.quantise


def test_the_version_is_the_installed_one():
    assert leanglot.__version__ == metadata.version("leanglot")


def test_names_are_imported_when_they_are_used_and_not_before():
    script = """
import sys
import leanglot
heavy = {"torch", "transformers", "onnx", "onnxruntime", "numpy", "pydantic"}
listed = set(leanglot.__all__) <= set(dir(leanglot))
print(listed, *sorted(heavy & set(sys.modules)))
first = leanglot.Int8
print("Int8" in vars(leanglot), leanglot.Int8 is first, "pydantic" in sys.modules, "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True", "True True True False"]
