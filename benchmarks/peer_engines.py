"""The peers: which engines and quantizers are compared, how each is used, and where its code is."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from leanglot.runtimes.base import Predictor

REFERENCE: Final = "pytorch-fp32"
OURS: Final = "leanglot"
ORT_DEFAULT: Final = "onnxruntime-default"
ORT_MATMUL: Final = "onnxruntime-matmul"


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to make a model small and to run it.

    Attributes:
        name: Name in the tables.
        how: How it is used: the calls of its own documentation.
        module: Module of this folder with ``prepare(source, folder, variant, calibration)``, which makes what would be
            deployed, and ``open_predictor(folder, threads, variant)``.
        variant: What tells two uses of one module apart.
        packages: Distributions whose versions decide what it does.
        quantized: Whether its weights are quantized, so that its errors can be compared with ours.
        only_named: Why it is measured only where it is asked for by name; None where it always is.
    """

    name: str
    how: str
    module: str
    variant: str
    packages: tuple[str, ...]
    quantized: bool = True
    only_named: str | None = None

    def prepare(self, source: Path, folder: Path, calibration: Path) -> None:
        """Make what would be deployed.

        Args:
            source: A transformers model folder with ``tokenizer.json``.
            folder: An existing, empty folder.
            calibration: JSON list of token id lists, for quantizers that look at data.
        """
        self._code().prepare(source, folder, self.variant, calibration)

    def open_predictor(self, folder: Path, threads: int) -> "Predictor":
        """Load what `prepare` made, with so many threads."""
        predictor: Predictor = self._code().open_predictor(folder, threads, self.variant)
        return predictor

    def _code(self) -> ModuleType:
        return import_module(self.module)  # a process imports the one engine that it needs


ENGINES: Final = (
    Engine(
        REFERENCE,
        "transformers' from_pretrained() in inference mode, its default attention (SDPA), not compiled",
        "peer_pytorch",
        "fp32",
        ("torch", "transformers"),
        quantized=False,
    ),
    Engine(
        "torchao-int8",
        "transformers' TorchAoConfig(Int8DynamicActivationInt8WeightConfig(reduce_range=should_reduce_range())), eager",
        "peer_pytorch",
        "int8",
        ("torchao", "torch", "transformers"),
    ),
    Engine(
        "torchao-int8-compiled",
        "the same under torch.compile(dynamic=True)",
        "peer_pytorch",
        "int8-compiled",
        ("torchao", "torch", "transformers"),
        only_named="torch.compile takes a minute and more at each load; name it under --engines",
    ),
    Engine(
        ORT_DEFAULT,
        "torch.onnx.export() with eager attention, then quantize_dynamic(weight_type=QInt8): all operator types that "
        "it can, Gather included, per tensor; what Optimum's avx512_vnni(is_static=False, per_channel=False) asks for",
        "peer_onnxruntime",
        "default",
        ("onnxruntime", "onnx", "torch"),
    ),
    Engine(
        ORT_MATMUL,
        'the same with op_types_to_quantize=["MatMul"], which leaves the embedding table in FP32; Optimum\'s default '
        "before it took all types",
        "peer_onnxruntime",
        "matmul",
        ("onnxruntime", "onnx", "torch"),
    ),
    Engine(
        "openvino-nncf-int8",
        "openvino.convert_model(), then nncf.quantize(model_type=TRANSFORMER) on 300 training texts",
        "peer_openvino",
        "int8",
        ("openvino", "nncf", "torch"),
    ),
    Engine(
        "openvino-nncf-weights",
        "openvino.convert_model(), then nncf.compress_weights() with its default, INT8 weights",
        "peer_openvino",
        "weights",
        ("openvino", "nncf", "torch"),
    ),
    Engine(
        "ctranslate2-int8",
        'TransformersConverter().convert(quantization="int8"), the classification head in NumPy',
        "peer_ctranslate2",
        "int8",
        ("ctranslate2", "transformers"),
    ),
    Engine(
        OURS,
        "make_artifact() with Int8(embeddings=True) for this machine, leanglot.load()",
        "peer_leanglot",
        "int8",
        ("leanglot", "onnxruntime"),
    ),
)


def engine_named(name: str) -> Engine:
    """The engine of that name.

    Raises:
        KeyError: There is none.
    """
    return {engine.name: engine for engine in ENGINES}[name]


def chosen_engines(names: Sequence[str]) -> tuple[Engine, ...]:
    """The engines of these names, in the usual order; for no names, all that need not be asked for.

    The reference and leanglot are always among them: every ratio needs one of the two.
    """
    usual = {engine.name for engine in ENGINES if engine.only_named is None}
    wanted = {REFERENCE, OURS, *names} if names else usual
    return tuple(engine for engine in ENGINES if engine.name in wanted)
