"""The record of a profile: where the time of answers and the bytes of weights are, and what to try next."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from leanglot.results.records import Environment
from leanglot.techniques import Recipe, Runtime

Part = Literal["embeddings", "attention", "ffn", "head", "other"]
Stage = Literal["measure", "easy wins", "quantization", "architecture", "engine"]
Origin = Literal["model", "artifact", "plain export"]


class ProfileRow(BaseModel):
    """What one kind of operator, one module or one part of the model takes.

    Attributes:
        name: The operator's type, the module's dotted path, or the part.
        part: Part of the model that a module belongs to; None for an operator, which may work in several.
        runs: How often it was executed per call.
        time_ms: Mean time per call. Of a module its own, without what the modules inside it take.
        inclusive_ms: Of a module with all inside it; None where that was not measured.
        share: Its part of the profiled time.
        share_error: Standard error of that share over the calls, as of a ratio (Cochran, 1977); None for one call.
        size_bytes: Bytes of the weights that it multiplies with, adds or looks up, each weight counted once.
        size_share: Their part of all weights' bytes; None where there are no weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    part: Part | None = None
    runs: float = Field(ge=0)
    time_ms: float = Field(ge=0)
    inclusive_ms: float | None = None
    share: float
    share_error: float | None = None
    size_bytes: int = Field(default=0, ge=0)
    size_share: float | None = None


class ProfiledTexts(BaseModel):
    """What a model answered while it was profiled.

    Attributes:
        source: The data's file name; None for random tokens of one length.
        batch: Texts per call.
        calls: Different calls.
        rounds: How often each call was made; the fastest counts, as what makes the others slower is not the model.
        tokens_min: Tokens of the shortest text, special tokens included.
        tokens_p50: Of the median text.
        tokens_max: Of the longest.
        padding_share: Share of the tokens that are padding.
        languages: Texts by language; empty for random tokens.
        tokenization_p50_ms: Median time to tokenize the texts of one call; None for random tokens.
        truncated: Texts cut at the model's maximum length.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str | None
    batch: int = Field(ge=1)
    calls: int = Field(ge=1)
    rounds: int = Field(ge=1)
    tokens_min: int
    tokens_p50: float
    tokens_max: int
    padding_share: float
    languages: dict[str, int] = {}
    tokenization_p50_ms: float | None = None
    truncated: int = 0


class EngineProfile(BaseModel):
    """Where the time and the bytes are on one engine.

    Attributes:
        engine: What executed it.
        origin: Whether that was the PyTorch model itself, an artifact, or the model's plain export.
        recipe: The steps that made it; empty for an uncompressed model.
        threads: Threads of the engine.
        threads_p50_ms: Median latency of one text by number of threads; empty where that was not searched.
        unprofiled_p50_ms: Median over the calls, each in its fastest round, without any profiling.
        profiled_p50_ms: The same while their operators were profiled; the mean on OpenVINO, whose counters tell means
            over all calls alone.
        hooked_p50_ms: The same while the modules were timed; None where they are told by the operators' names.
        outside_share: Share of the profiled time that no operator took: the engine's own, and the profiler's.
        operators: By type of operator, the slowest first.
        modules: By module, the slowest first.
        kinds: By module, the same one of all layers taken together, the slowest first.
        places: By layer and part of it, from the input to the head.
        parts: By part of the model, from the input to the head.
        size_bytes: Bytes of all weights.
        fp32_bytes: Bytes of those in FP32, by part.
        unplaced_bytes: Bytes of weights that no executed operator could be found for.
        adopted_share: Share of the time whose operators' names tell no module, so that they count where the one before
            them did.
        warnings: What disturbed the measuring.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Runtime
    origin: Origin
    recipe: Recipe = ()
    threads: int = Field(ge=1)
    threads_p50_ms: dict[int, float] = {}
    unprofiled_p50_ms: float
    profiled_p50_ms: float
    hooked_p50_ms: float | None = None
    outside_share: float
    operators: tuple[ProfileRow, ...]
    modules: tuple[ProfileRow, ...]
    kinds: tuple[ProfileRow, ...]
    places: tuple[ProfileRow, ...]
    parts: tuple[ProfileRow, ...]
    size_bytes: int
    fp32_bytes: dict[Part, int] = {}
    unplaced_bytes: int = 0
    adopted_share: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def overhead_share(self) -> float:
        """Share of the profiled time that profiling added, by the medians; 0 where noise hides it."""
        return max(0.0, 1 - self.unprofiled_p50_ms / self.profiled_p50_ms)

    @property
    def engine_share(self) -> float:
        """Share of the profiled time that is outside of all operators and cannot be profiling's own."""
        return max(0.0, self.outside_share - self.overhead_share)

    def part(self, name: Part) -> ProfileRow | None:
        """The row of a part; None where the model has none."""
        return next((row for row in self.parts if row.name == name), None)


class NextStep(BaseModel):
    """Something to try, with the evidence for it; nothing here is a gain that was measured unless it says so.

    Attributes:
        stage: Where it stands in the order in which to try things.
        title: What to do.
        state: ``open``, or ``done`` where the artifact has it already.
        evidence: The number behind it, in one sentence.
        touches: Share of the time that it touches; None where it touches bytes alone, or none is known.
        most_speedup: How many times as fast a call could be at most, were what it touches free (Amdahl, 1967); None
            where it changes other things too, so that there is no such bound.
        touches_bytes: Bytes of weights that it touches.
        command: The command that tries it; None where it is done.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: Stage
    title: str
    state: Literal["open", "done"] = "open"
    evidence: str
    touches: float | None = None
    most_speedup: float | None = None
    touches_bytes: int | None = None
    command: str | None = None


class Profile(BaseModel):
    """A whole profile.

    Attributes:
        schema_version: Version of this layout.
        model: What was profiled, as it was named.
        environment: The machine.
        texts: What it answered.
        engines: One profile per engine.
        next_steps: What to try, in the order in which to try it.
        notes: What to know, one sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    model: str
    environment: Environment
    texts: ProfiledTexts
    engines: tuple[EngineProfile, ...]
    next_steps: tuple[NextStep, ...] = ()
    notes: tuple[str, ...] = ()
