"""What predictions cost: machines, the traffic of each language, and what an error in it costs."""

import math
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from leanglot.errors import DataError
from leanglot.languages import canonical_tag

HOURS_PER_MONTH: Final = 730.0
"""The 8,760 hours of a year divided by 12."""

_SUM_TOLERANCE: Final = 1e-6

Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _tags(values: dict[str, float]) -> dict[str, float]:
    """The same values by canonical tag."""
    found: dict[str, float] = {}
    for tag, value in values.items():
        try:
            canonical = canonical_tag(tag)
        except DataError as error:
            raise ValueError(str(error)) from error
        if canonical in found:
            raise ValueError(f"{canonical} is given twice")
        found[canonical] = value
    return found


def _traffic(values: dict[str, float]) -> dict[str, float]:
    if not values or sum(values.values()) <= 0:
        raise ValueError("at least one language needs a share above 0")
    return _tags(values)


Shares = Annotated[dict[str, Price], AfterValidator(_traffic)]
Prices = Annotated[dict[str, Price], AfterValidator(_tags)]


class Infrastructure(BaseModel):
    """The machines that predictions run on.

    Attributes:
        price_per_hour: Price of one machine like the measured one, by the hour.
        peak_per_second: Predictions per second at the busiest time; None takes the month's mean times ``peak_to_mean``.
        peak_to_mean: How many times the mean the busiest time is.
        utilization: Share of a machine's measured throughput that it is loaded with at the busiest time.
        min_machines: Fewest machines, whatever the load.
        whole_machines: Pay whole machines; off, by the share of a machine, as for a machine that others use too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    price_per_hour: Price
    peak_per_second: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    peak_to_mean: float = Field(default=3.0, ge=1, allow_inf_nan=False)
    utilization: float = Field(default=0.6, gt=0, le=1)
    min_machines: int = Field(default=1, strict=True, ge=1)
    whole_machines: bool = Field(default=True, strict=True)


class Costs(BaseModel):
    """What a month of predictions costs.

    Attributes:
        monthly_predictions: Predictions in a month.
        traffic: Share of each language; the shares sum to 1.
        normalize_traffic: Divide shares that do not sum to 1 by their sum, rather than refuse them.
        error_cost: Cost of one wrong answer, by language or the same in all. Each language of the traffic needs one.
        infrastructure: Machines and their price; the number of machines comes from the measured throughput.
        monthly_infra: What candidates cost to run in a month, by name, where that is known better.
        currency: Sign or code that amounts are written with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    monthly_predictions: float = Field(gt=0, allow_inf_nan=False)
    traffic: Shares
    normalize_traffic: bool = Field(default=False, strict=True)
    error_cost: Prices | Price
    infrastructure: Infrastructure | None = None
    monthly_infra: dict[str, Price] = {}
    currency: str = Field(default="$", min_length=1, max_length=4)

    @model_validator(mode="after")
    def _complete(self) -> "Costs":
        total = math.fsum(self.traffic.values())
        if abs(total - 1) > _SUM_TOLERANCE and not self.normalize_traffic:
            raise ValueError(
                f"the traffic sums to {total:g}, not to 1; correct it, or set normalize_traffic: true to divide by it"
            )
        if isinstance(self.error_cost, dict):
            priced, served = set(self.error_cost), set(self.traffic)
            faults = [f"{tag} has traffic and no error_cost" for tag in sorted(served - priced)]
            faults += [f"{tag} has an error_cost and no traffic" for tag in sorted(priced - served)]
            if faults:
                raise ValueError(f"{'; '.join(faults)}: give both, or one error_cost for all languages")
        if self.infrastructure is None and not self.monthly_infra:
            raise ValueError("running costs are missing: give infrastructure, or monthly_infra by candidate")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """Share of each language, of sum 1."""
        total = math.fsum(self.traffic.values())
        return {tag: share / total for tag, share in self.traffic.items()}

    def error_price(self, tag: str) -> float:
        """Cost of one wrong answer in a language of the traffic."""
        return self.error_cost[tag] if isinstance(self.error_cost, dict) else self.error_cost

    def peak_per_second(self) -> float | None:
        """Predictions per second at the busiest time; None where no machines are priced."""
        machines = self.infrastructure
        if machines is None:
            return None
        if machines.peak_per_second is not None:
            return machines.peak_per_second
        return machines.peak_to_mean * self.monthly_predictions / (HOURS_PER_MONTH * 3600)
