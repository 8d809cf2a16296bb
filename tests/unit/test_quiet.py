"""Other libraries are silenced for a while, and speak again afterwards."""

import logging

import pytest
from transformers.utils import logging as transformers_logging

from leanglot.quiet import quiet_imports, quiet_transformers


def test_transformers_speaks_again_after_it_was_quiet_even_when_the_inside_fails():
    verbosity, shown = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()

    def fail() -> None:
        with quiet_transformers():
            assert transformers_logging.get_verbosity() == transformers_logging.ERROR
            assert not transformers_logging.is_progress_bar_enabled()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert transformers_logging.get_verbosity() == verbosity
    assert transformers_logging.is_progress_bar_enabled() == shown


def test_torchao_speaks_again_after_it_was_imported():
    logger = logging.getLogger("torchao")
    before = logger.level
    with quiet_imports():
        assert not logger.isEnabledFor(logging.WARNING)
    assert logger.level == before
