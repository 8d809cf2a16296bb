"""The records of an audit of calibration data: one quantization, made with three mixtures of languages."""

from pydantic import BaseModel, ConfigDict

from leanglot.results.measures import Quality
from leanglot.results.records import DataSummary, Verdict


class AuditedVariant(BaseModel):
    """The quantized model with one mixture of calibration texts.

    Attributes:
        name: ``balanced``, ``proportional`` or ``<language> only``; ``as asked`` where that is neither.
        texts: Calibration texts by language.
        quality: On the judged examples.
        against_kept: This variant judged against the one that is kept on the same examples, by language: ``drop`` is
            what it loses, with its interval; empty for the kept one itself.
        notes: What was noticed in its calibration data, one sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    texts: dict[str, int]
    quality: Quality
    against_kept: dict[str, Verdict] = {}
    notes: tuple[str, ...] = ()


class CalibrationAudit(BaseModel):
    """What the language mixture of the calibration texts does to each language.

    Attributes:
        model: Name of the model.
        data: The judged examples.
        margin: Largest drop per language that counts as harmless.
        alpha: Error level of the tests.
        unquantized: Quality of the model before quantization.
        variants: The one whose artifact is kept first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    data: DataSummary
    margin: float
    alpha: float
    unquantized: Quality
    variants: tuple[AuditedVariant, ...]
