"""What `leanglot doctor` shows: the machine, what it is good for, and what is installed."""

from importlib.util import find_spec
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from leanglot.results.records import Environment

_WIDE: Final = {"avx512_vnni", "avx_vnni", "amx_int8", "i8mm", "asimddp"}
_EXTRAS: Final = {"hassil": "demo", "home_assistant_intents": "demo", "peft": "demo"}


def doctor_table(environment: Environment) -> RenderableType:
    """The machine and the installation."""
    isa = set(environment.isa)
    table = Table("what", "found", show_header=False)
    table.add_row("processor", environment.cpu)
    table.add_row("cores, threads used", f"{environment.cores}, {environment.threads}")
    table.add_row("memory", f"{environment.memory_bytes / 2**30:.0f} GiB")
    table.add_row("system", environment.platform)
    table.add_row("instruction sets", ", ".join(environment.isa) or "none of those that matter were recognized")
    for package, version in environment.versions.items():
        table.add_row(package, version)
    for module, extra in _EXTRAS.items():
        if find_spec(module) is None:
            table.add_row(module, f'not installed: pip install "leanglot[{extra}]"')
    return Group(table, Text(_int8_advice(isa)), Text(_bf16_advice(isa)))


def _int8_advice(isa: set[str]) -> str:
    if isa & _WIDE:
        return "INT8: products add up in 32 bits here, so weights may use all 8 bits."
    return "INT8: no 32-bit dot products were found; weights are kept to 7 bits, which prevents 16-bit saturation."


def _bf16_advice(isa: set[str]) -> str:
    if isa & {"amx_bf16", "avx512_bf16"}:
        return "BF16: in hardware."
    return "BF16: not in hardware; PyTorch emulates it, several times slower than FP32."
