"""What making translation artifacts needs beside a model and a recipe."""

from dataclasses import dataclass, replace
from pathlib import Path

from leanglot.data.parallel import ParallelExamples
from leanglot.progress import Telling


@dataclass(frozen=True, slots=True)
class TranslationMaking:
    """What making translation artifacts needs beside a model and a recipe.

    Attributes:
        isa: Instruction-set extensions of the target machine.
        training: Sentences to train on, none of them judged; None where there are none.
        calibration: Sentences that importance is measured on and that show what the languages use; None where there
            are none.
        work: Folder where trainings are kept while they run, and their results after them; None keeps none.
        tell: Told how the making goes; None tells nobody.
        threads: Threads that the artifact will run with; None searches the fastest number and has the artifact know.
        seed: Seed of every choice.
    """

    isa: tuple[str, ...] = ()
    training: ParallelExamples | None = None
    calibration: ParallelExamples | None = None
    work: Path | None = None
    tell: Telling | None = None
    threads: int | None = None
    seed: int = 0

    @property
    def showing(self) -> ParallelExamples | None:
        """Sentences that show what the languages use: those for calibration, else those to train on."""
        return self.calibration if self.calibration is not None else self.training

    def told(self, tell: Telling | None) -> "TranslationMaking":
        """The same, telling somebody else how it goes."""
        return replace(self, tell=tell)
