"""Whether an accuracy meets its threshold, and whether the data prove it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ThresholdCheck:
    """An accuracy beside the one that was asked for.

    True in a condition where the threshold is met, False where it is missed and where there is none. Called, it
    answers the same; called with another threshold, it answers for that one.

    Attributes:
        accuracy: Share of right answers.
        threshold: Least that was asked for; None where nothing was.
        accuracy_low: Lower end of the accuracy's 95% interval; None where there is none.
        accuracy_high: Upper end of it.
    """

    accuracy: float
    threshold: float | None
    accuracy_low: float | None = None
    accuracy_high: float | None = None

    def __bool__(self) -> bool:
        return self.met is True

    def __call__(self, min_accuracy: float | None = None) -> bool | None:
        """Whether the accuracy reaches ``min_accuracy``; without one, the same as ``met``."""
        return self.met if min_accuracy is None else self.accuracy >= min_accuracy

    @property
    def met(self) -> bool | None:
        """Whether the accuracy reaches the threshold; None where there is no threshold."""
        return None if self.threshold is None else self.accuracy >= self.threshold

    @property
    def proven(self) -> bool | None:
        """Whether the whole 95% interval lies on the accuracy's side; None without threshold or interval."""
        if self.threshold is None or self.accuracy_low is None or self.accuracy_high is None:
            return None
        return self.accuracy_low >= self.threshold if self.met else self.accuracy_high < self.threshold

    @property
    def state(self) -> str:
        """``met``, ``met, not proven``, ``missed``, ``missed, not proven`` or ``no threshold``."""
        if self.met is None:
            return "no threshold"
        return ("met" if self.met else "missed") + ("" if self.proven else ", not proven")
