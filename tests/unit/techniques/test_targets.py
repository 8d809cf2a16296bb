import pytest

from leanglot.errors import ConfigError
from leanglot.techniques.targets import TARGETS, has_arithmetic, saturates, target_extensions

MACHINE = ("avx2", "fma")


def test_without_a_name_the_machine_counts():
    assert target_extensions(None, MACHINE) == MACHINE


def test_an_unknown_name_says_which_are_known():
    with pytest.raises(ConfigError, match="'avx1024' is no instruction set that is known here") as caught:
        target_extensions("avx1024", MACHINE)
    assert all(name in str(caught.value) for name in TARGETS)


@pytest.mark.parametrize(
    ("name", "saturating", "fp16", "bf16"),
    [
        ("avx2", True, False, False),
        ("avx512", True, False, False),
        ("avx512-vnni", False, False, False),
        ("amx", False, True, True),
        ("neon", False, False, False),
    ],
)
def test_what_the_targets_can_do(name, saturating, fp16, bf16):
    isa = target_extensions(name, MACHINE)
    assert (saturates(isa), has_arithmetic("fp16", isa), has_arithmetic("bf16", isa)) == (saturating, fp16, bf16)


def test_nothing_is_assumed_of_a_machine_that_does_not_tell():
    assert saturates(())
    assert not has_arithmetic("fp16", ())
    assert not has_arithmetic("bf16", ())
