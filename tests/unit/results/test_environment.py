"""The machine is described, and what it does not tell is not made up."""

import os
import subprocess
import sys

import pytest

from leanglot.results import environment
from leanglot.results.environment import available_cores, parse_cpuinfo, parse_sysctl, read_environment

X86 = """processor\t: 0
model name\t: Intel(R) Xeon(R) Gold
flags\t\t: fpu sse avx avx2 avx512f avx512_vnni amx_int8 amx_bf16 avx512_bf16 avx_vnni

processor\t: 1
model name\t: Intel(R) Xeon(R) Gold
flags\t\t: fpu sse avx avx2 avx512f avx512_vnni
"""
ARM = """processor\t: 0
Features\t: fp asimd evtstrm aes asimdhp asimddp sve i8mm bf16
CPU implementer\t: 0x41
"""


def test_only_extensions_that_every_processor_has_count():
    assert parse_cpuinfo(X86) == ("Intel(R) Xeon(R) Gold", ("avx", "avx2", "avx512f", "avx512_vnni"))


def test_arm_features():
    assert parse_cpuinfo(ARM) == (None, ("neon", "asimddp", "asimdhp", "i8mm", "bf16", "sve"))


def test_nothing_known_is_nothing_claimed():
    assert parse_cpuinfo("") == (None, ())


def test_settings_of_macos():
    text = "machdep.cpu.brand_string: Apple M2\nhw.optional.arm.FEAT_I8MM: 1\nnoise\n"
    assert parse_sysctl(text) == {"machdep.cpu.brand_string": "Apple M2", "hw.optional.arm.FEAT_I8MM": "1"}


def test_apple_processors(monkeypatch):
    text = "machdep.cpu.brand_string: Apple M2\nhw.optional.AdvSIMD: 1\nhw.optional.arm.FEAT_I8MM: 1\n"
    monkeypatch.setattr(environment.sys, "platform", "darwin")
    monkeypatch.setattr(environment, "_output", lambda *command: text + "hw.optional.arm.FEAT_BF16: 0\n")
    record = read_environment()
    assert (record.cpu, record.isa) == ("Apple M2", ("neon", "i8mm"))


@pytest.mark.parametrize(("machine", "isa"), [("AMD64", ()), ("ARM64", ("neon",))])
def test_other_systems_claim_what_the_architecture_always_has(monkeypatch, machine, isa):
    monkeypatch.setattr(environment.sys, "platform", "win32")
    monkeypatch.setattr(environment.platform, "machine", lambda: machine)
    record = read_environment()
    assert record.isa == isa
    assert record.cpu


def test_this_machine():
    record = read_environment(threads=3)
    assert record.threads == 3
    assert 1 <= record.cores <= os.cpu_count()
    assert record.memory_bytes > 2**28
    assert record.versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert record.versions["numpy"][0].isdigit()
    assert read_environment().threads == record.cores


def test_a_package_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setattr(environment, "PACKAGES", ("no-such-package",))
    assert read_environment().versions["no-such-package"] == "not installed"


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no affinity")
@pytest.mark.parametrize(
    ("siblings", "quota", "cores"),
    [
        (["0,2", "1,3", "0,2", "1,3"], None, 2),
        (["0", "1", "2", "3"], None, 4),
        ([None, None, None, None], None, 4),
        (["0", "1", "2", "3"], "max 100000", 4),
        (["0", "1", "2", "3"], "250000 100000", 2),
        (["0", "1", "2", "3"], "50000 100000", 1),
        (["0", "1", "2", "3"], "broken", 4),
    ],
)
def test_available_cores_after_affinity_and_quota(tmp_path, monkeypatch, siblings, quota, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})
    for number, listed in enumerate(siblings):
        topology = tmp_path / f"cpu{number}" / "topology"
        topology.mkdir(parents=True)
        if listed is not None:
            (topology / "thread_siblings_list").write_text(f"{listed}\n")
    if quota is not None:
        (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert available_cores(tmp_path, tmp_path) == cores


def test_describing_the_machine_imports_nothing_heavy():
    program = (
        "import sys; from leanglot.results.environment import read_environment; read_environment();"
        "assert not {'torch', 'transformers', 'onnxruntime', 'onnx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
