"""The machines that a model is quantized for: instruction-set extensions by the name of the target."""

from collections.abc import Collection, Mapping
from typing import Final, Literal

from leanglot.errors import ConfigError

TargetIsa = Literal["avx2", "avx512", "avx512-vnni", "amx", "neon"]

_AVX2: Final = ("avx", "avx2", "fma", "f16c")
_AVX512: Final = (*_AVX2, "avx512f", "avx512bw")
_VNNI: Final = (*_AVX512, "avx512_vnni")

# Extensions as the Linux kernel names them.
TARGETS: Final[Mapping[str, tuple[str, ...]]] = {
    "avx2": _AVX2,
    "avx512": _AVX512,
    "avx512-vnni": _VNNI,
    "amx": (*_VNNI, "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16"),
    "neon": ("neon",),
}

# Extensions whose INT8 dot products add in 32 bits, so that full 8-bit weights cannot saturate; ARM's NEON widens to 16
# bits before it adds pairs into 32.
_WIDE_ACCUMULATION: Final = frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "neon", "asimddp", "i8mm"})
_FP16_ARITHMETIC: Final = frozenset({"avx512_fp16", "asimdhp"})
_BF16_ARITHMETIC: Final = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


def target_extensions(name: str | None, machine: Collection[str]) -> tuple[str, ...]:
    """The extensions of a named target; of this machine, where none is named.

    Raises:
        ConfigError: The name is unknown.
    """
    if name is None:
        return tuple(machine)
    if name not in TARGETS:
        raise ConfigError(
            f"{name!r} is no instruction set that is known here.",
            f"Allowed are {', '.join(TARGETS)}; without it, this machine's own counts (leanglot doctor shows it).",
        )
    return TARGETS[name]


def saturates(isa: Collection[str]) -> bool:
    """Whether INT8 products of full 8-bit weights can overflow the 16-bit sums of pairs (x86 without VNNI)."""
    return not _WIDE_ACCUMULATION & set(isa)


def has_arithmetic(dtype: str, isa: Collection[str]) -> bool:
    """Whether a target multiplies 16-bit floating point in hardware.

    Args:
        dtype: ``fp16`` or ``bf16``.
        isa: Its extensions.
    """
    return bool((_FP16_ARITHMETIC if dtype == "fp16" else _BF16_ARITHMETIC) & set(isa))
