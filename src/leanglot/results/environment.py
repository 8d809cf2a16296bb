"""Describes the machine and the software that produce the numbers of a run."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import psutil

from leanglot.results.records import Environment

PACKAGES: Final = (
    "leanglot",
    "torch",
    "transformers",
    "onnxruntime",
    "onnx",
    "tokenizers",
    "numpy",
)

# As the Linux kernel names them, x86 first; "asimd" is ARM's newer name of NEON.
_ISA: Final = (
    *("avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_tile", "amx_int8", "amx_bf16"),
    *("neon", "asimddp", "asimdhp", "i8mm", "bf16", "sve", "sve2"),
)

_SYSCTL_FEATURES: Final[Mapping[str, str]] = {
    "hw.optional.AdvSIMD": "neon",
    "hw.optional.arm.FEAT_DotProd": "asimddp",
    "hw.optional.arm.FEAT_FP16": "asimdhp",
    "hw.optional.arm.FEAT_I8MM": "i8mm",
    "hw.optional.arm.FEAT_BF16": "bf16",
    "hw.optional.avx2_0": "avx2",
    "hw.optional.avx512f": "avx512f",
    "hw.optional.avx512vnni": "avx512_vnni",
}


def read_environment(threads: int | None = None) -> Environment:
    """Describes this machine, without importing the packages it names.

    Args:
        threads: Threads each runtime gets; None stands for one per physical core available.

    Returns:
        The record. ``isa`` is empty where the system does not tell: nothing may be assumed then. A package that
        is not installed has the version ``not installed``.
    """
    cores = available_cores()
    cpu, isa = _processor()
    return Environment(
        cpu=cpu,
        isa=isa,
        cores=cores,
        threads=cores if threads is None else threads,
        memory_bytes=psutil.virtual_memory().total,
        platform=f"{platform.system()} {platform.machine()}",
        load_average=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        versions={"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
    )


def available_cores(devices: Path = Path("/sys/devices/system/cpu"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Physical cores this process may use: after its affinity and its container's quota, hyper-threads not counted.

    Args:
        devices: Where Linux describes the processors.
        groups: Where Linux describes the container's limits.

    Returns:
        The number, at least 1.
    """
    if not hasattr(os, "sched_getaffinity"):
        return psutil.cpu_count(logical=False) or os.cpu_count() or 1
    allowed = os.sched_getaffinity(0)
    siblings = {_read(devices / f"cpu{cpu}/topology/thread_siblings_list") or f"alone {cpu}" for cpu in allowed}
    return max(1, min(len(siblings), _quota(groups) or len(siblings)))


def _quota(groups: Path) -> int | None:
    """Whole processors that the container may use; None where it has no limit."""
    limit, _, period = (_read(groups / "cpu.max") or "").partition(" ")
    if not limit.isdigit() or not period.isdigit() or int(period) == 0:
        return None
    return max(1, int(limit) // int(period))


def _processor() -> tuple[str, tuple[str, ...]]:
    """Model name and instruction-set extensions."""
    if sys.platform == "linux":
        name, features = parse_cpuinfo(_read(Path("/proc/cpuinfo")) or "")
    elif sys.platform == "darwin":
        name, features = _macos_processor()
    else:
        name, features = None, ()
    if not features and platform.machine().lower() in {"arm64", "aarch64"}:
        features = ("neon",)  # Part of the architecture, so that no list is needed to know it.
    return name or platform.processor() or platform.machine() or "unknown", features


def parse_cpuinfo(text: str) -> tuple[str | None, tuple[str, ...]]:
    """Reads the model name and the features that matter from Linux's list of processors.

    Args:
        text: Content of ``/proc/cpuinfo``, of an x86 or ARM machine.

    Returns:
        The model's name, or None where there is none, and the extensions that every processor has.
    """
    names: list[str] = []
    features: list[set[str]] = []
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in {"model name", "Model"}:
            names.append(value.strip())
        elif key.strip() in {"flags", "Features"}:
            features.append(set(value.split()))
    common = set.intersection(*features) if features else set()
    if "asimd" in common:
        common.add("neon")
    return (names[0] if names else None), tuple(name for name in _ISA if name in common)


def _macos_processor() -> tuple[str | None, tuple[str, ...]]:
    settings = parse_sysctl(_output("/usr/sbin/sysctl", "machdep.cpu.brand_string", "hw.optional"))
    features = tuple(name for key, name in _SYSCTL_FEATURES.items() if settings.get(key) == "1")
    return settings.get("machdep.cpu.brand_string"), features


def parse_sysctl(text: str) -> dict[str, str]:
    """Reads macOS's settings.

    Args:
        text: Lines such as ``hw.optional.avx2_0: 1``.

    Returns:
        Values by name.
    """
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, mark, value in pairs if mark}


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
