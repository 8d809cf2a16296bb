"""Optional dependencies fail with the command that installs them."""

import json

import pytest

from leanglot.errors import MissingExtraError
from leanglot.extras import require


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Writes an importable module with the given source."""

    def write(name, source):
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        return name

    return write


def test_an_installed_module_is_returned():
    assert require("json", "demo") is json


def test_a_submodule_is_returned_itself():
    assert require("json.decoder", "demo").__name__ == "json.decoder"


def test_a_missing_package_names_the_command():
    with pytest.raises(MissingExtraError) as caught:
        require("no_such_package.part", "demo")
    assert caught.value.message == "The package no_such_package is not installed."
    assert 'pip install "leanglot[demo]"' in caught.value.hint


def test_a_missing_dependency_of_the_module_is_named_as_such(package):
    name = package("halfway_installed", "import no_such_dependency")
    with pytest.raises(MissingExtraError, match="no_such_dependency, which halfway_installed needs"):
        require(name, "serve")


def test_a_broken_installation_is_told_apart_from_a_missing_one(package):
    name = package("broken_installation", "from json import no_such_name")
    with pytest.raises(MissingExtraError, match="installed but cannot be imported"):
        require(name, "serve")


def test_an_error_of_another_kind_passes_through(package):
    name = package("raises_on_import", "raise ZeroDivisionError")
    with pytest.raises(ZeroDivisionError):
        require(name, "serve")
