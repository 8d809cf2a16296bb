"""One process or several: which this is, and what several may not do."""

import pytest

from leanglot.errors import ConfigError
from leanglot.train.distributed import is_main, main_first, refuse_several_processes, wait_for_everyone, world_size


def test_alone_nothing_is_waited_for(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.delenv("RANK", raising=False)
    assert (world_size(), is_main()) == (1, True)
    with main_first():
        wait_for_everyone()
    refuse_several_processes("optimize")


def test_several_processes_are_known_by_their_environment(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert (world_size(), is_main()) == (2, False)
    with pytest.raises(ConfigError, match="leanglot optimize runs in one process, and 2 were launched") as caught:
        refuse_several_processes("optimize")
    assert "leanglot distil" in caught.value.hint
