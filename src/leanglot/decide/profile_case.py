"""What a rule of the next steps looks at: the profiles, what was answered, and how a command names things."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Final

from leanglot.results.profile import EngineProfile, Part, ProfiledTexts, ProfileRow
from leanglot.techniques import Quantization
from leanglot.techniques.targets import saturates

_TARGETS: Final = (
    ("amx_int8", "amx"), ("avx512_vnni", "avx512-vnni"), ("avx_vnni", None), ("avx512f", "avx512"), ("avx2", "avx2"),
    ("neon", "neon"),
)  # fmt: skip
_ENGINE_WORD: Final = {"pytorch": "PyTorch", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, as the next command has to name it.

    Attributes:
        model: The model or artifact.
        artifact: Whether it is an artifact.
        data: The file of labelled texts; None where none was given.
        isa: Instruction-set extensions of the machine.
    """

    model: str
    artifact: bool
    data: str | None
    isa: Sequence[str]


@dataclass(frozen=True, slots=True)
class Case:
    """All that a rule looks at."""

    engines: Sequence[EngineProfile]
    texts: ProfiledTexts
    asked: Asked

    @property
    def main(self) -> EngineProfile:
        """The profile that compression goes by: a graph's, where there is one."""
        return next((each for each in self.engines if each.engine != "pytorch"), self.engines[0])

    @property
    def subject(self) -> str:
        """The profiled model itself, for a command."""
        return shlex.quote(self.asked.model)

    @property
    def model(self) -> str:
        """The PyTorch model, for a command: an artifact with a graph only tells that there was one."""
        return "MODEL" if self.asked.artifact and self.main.engine != "pytorch" else self.subject

    @property
    def quantizable(self) -> str:
        """What can be quantized, for a command: the model, or an artifact that is not quantized yet."""
        if self.asked.artifact and self.has(Quantization):
            return "MODEL"
        runtime = " --runtime openvino" if self.asked.artifact and self.main.engine == "openvino" else ""
        return f"{self.subject}{runtime}"

    @property
    def data(self) -> str:
        """The labelled texts, for a command."""
        return "data.jsonl" if self.asked.data is None else shlex.quote(self.asked.data)

    @property
    def judged(self) -> str:
        """The option that names them, where they were given."""
        return "" if self.asked.data is None else f" --data {self.data}"

    @property
    def batch(self) -> str:
        """The option that asks for the same batches."""
        return f" --batch {self.texts.batch}" if self.texts.batch > 1 else ""

    def has(self, *kinds: type | UnionType) -> bool:
        """Whether the recipe has a step of one of these kinds."""
        return any(isinstance(step, kinds) for step in self.main.recipe)

    def time(self, name: Part) -> float:
        """A part's share of the time."""
        row = self.main.part(name)
        return 0.0 if row is None else row.share

    def bytes(self, name: Part) -> int:
        """Bytes of a part's weights."""
        row = self.main.part(name)
        return 0 if row is None else row.size_bytes


def added(profile: EngineProfile) -> str:
    """What of the time outside of operators profiling may have added."""
    share = min(profile.outside_share, profile.overhead_share)
    return "" if share < 0.005 else f", up to {share:.0%} added by profiling"


def word(profile: EngineProfile) -> str:
    """The engine's name as it is written."""
    return _ENGINE_WORD[profile.engine]


def share_of(rows: Sequence[ProfileRow], names: frozenset[str]) -> float:
    """Share of the time of the rows with one of these names."""
    return sum(row.share for row in rows if row.name in names)


def isa_option(case: Case) -> str:
    """The option that names the machine's instruction set, where it has a name."""
    name = next((target for extension, target in _TARGETS if extension in case.asked.isa), None)
    return "" if name is None else f" --target-isa {name}"


def how_it_adds(case: Case) -> str:
    """What the machine's instruction set means for INT8, in a sentence."""
    if not case.asked.isa:
        return "What this machine's instruction set is, is not known."
    if saturates(case.asked.isa):
        return "This machine adds products in 16 bits: weights keep to 7 bits."
    return "This machine adds INT8 products in 32 bits."
