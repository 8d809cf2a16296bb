"""What predictions cost: machines, the traffic of each language, and what an error in it costs."""

import math
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from leanglot.errors import DataError
from leanglot.languages import canonical_tag

HOURS_PER_MONTH: Final = 730.0
"""The 8,760 hours of a year divided by 12."""

SUM_TOLERANCE: Final = 1e-6
"""By how much shares may miss a sum of 1."""


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is not allowed: it should be a number")  # noqa: TRY004 - pydantic's way
    return value


Price = Annotated[float, Field(ge=0, allow_inf_nan=False), BeforeValidator(_number)]


def _texts(values: object) -> object:
    """Refuses keys that YAML did not take for text."""
    if isinstance(values, Mapping) and (other := [key for key in values if not isinstance(key, str)]):
        hint = '; YAML takes a bare no for false, so Norwegian needs quotes: "no"' if False in other else ""
        raise ValueError(f"{', '.join(map(str, other))} is no text, so no language tag{hint}")
    return values


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


def _error_prices(values: object) -> object:
    """Checks prices by hand: pydantic tells a fault in a union twice, in words of its own."""
    if not isinstance(values, Mapping):
        if (fault := _price_fault(values)) is not None:
            raise ValueError(f"{fault}, or one for each language")
        return values
    _texts(values)
    faults = [f"{tag}: {fault}" for tag, value in values.items() if (fault := _price_fault(value)) is not None]
    if faults:
        raise ValueError("; ".join(faults))
    return _tags(dict(values))


def _price_fault(value: object) -> str | None:
    allowed = "it should be a number, 0 or more"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return f"{str(value)[:60]} is not allowed: {allowed}"
    try:
        fine = 0 <= float(value) < math.inf
    except ValueError:
        fine = False
    return None if fine else f"{str(value)[:60]} is not allowed: {allowed}"


Shares = Annotated[dict[str, Price], BeforeValidator(_texts), AfterValidator(_tags)]
ErrorPrices = Annotated[dict[str, float] | float, BeforeValidator(_error_prices)]


class Infrastructure(BaseModel):
    """The machines that predictions run on.

    Attributes:
        price_per_hour: Price of one machine like the measured one, by the hour.
        peak_per_second: Predictions per second at the busiest time; None takes the month's mean times ``peak_to_mean``.
        peak_to_mean: How many times the mean the busiest time is.
        utilization: Share of a machine's measured throughput that it is loaded with at the busiest time.
        min_machines: Fewest machines, whatever the load.
        whole_machines: Pay whole machines; off, by the share of a machine, as for a machine that others use too, and
            then without a fewest number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    price_per_hour: Price
    peak_per_second: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    peak_to_mean: float = Field(default=3.0, ge=1, allow_inf_nan=False)
    utilization: float = Field(default=0.6, gt=0, le=1)
    min_machines: int = Field(default=1, strict=True, ge=1)
    whole_machines: bool = Field(default=True, strict=True)

    @field_validator("whole_machines")
    @classmethod
    def _no_fewest_share(cls, whole: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's signature
        if not whole and info.data.get("min_machines", 1) > 1:
            raise ValueError("min_machines counts whole machines; leave it out, or set whole_machines: true")
        return whole


class Costs(BaseModel):
    """What a month of predictions costs.

    Attributes:
        monthly_predictions: Predictions in a month.
        normalize_traffic: Divide shares that do not sum to 1 by their sum, rather than refuse them.
        traffic: Share of each language; the shares sum to 1.
        error_cost: Cost of one wrong answer, by language or the same in all. Each language of the traffic needs one.
        infrastructure: Machines and their price; the number of machines comes from the measured throughput.
        monthly_infra: What candidates cost to run in a month, by name, where that is known better.
        currency: Sign or code that amounts are written with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    monthly_predictions: float = Field(gt=0, allow_inf_nan=False)
    normalize_traffic: bool = Field(default=False, strict=True)
    traffic: Shares
    error_cost: ErrorPrices
    infrastructure: Infrastructure | None = None
    monthly_infra: dict[str, Price] = Field(default={}, validate_default=True)
    currency: str = Field(default="$", min_length=1, max_length=4)

    # Validators of single fields, not one of the whole: that would be silent as long as anything else is wrong.
    @field_validator("traffic")
    @classmethod
    def _sums_to_one(cls, traffic: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        total = math.fsum(traffic.values())
        if total <= 0:
            raise ValueError("at least one language needs a share above 0")
        if abs(total - 1) > SUM_TOLERANCE and not info.data.get("normalize_traffic"):
            raise ValueError(
                f"the shares sum to {total:g}, not to 1; correct them, or set normalize_traffic: true to divide by it"
            )
        return traffic

    @field_validator("error_cost")
    @classmethod
    def _matches_traffic(cls, error_cost: dict[str, float] | float, info: ValidationInfo) -> dict[str, float] | float:
        if isinstance(error_cost, dict) and "traffic" in info.data:
            priced, served = set(error_cost), set(info.data["traffic"])
            faults = [f"{tag} has traffic and no error_cost" for tag in sorted(served - priced)]
            faults += [f"{tag} has an error_cost and no traffic" for tag in sorted(priced - served)]
            if faults:
                raise ValueError(f"{'; '.join(faults)}: give both, or one error_cost for all languages")
        return error_cost

    @field_validator("monthly_infra")
    @classmethod
    def _something_runs(cls, monthly_infra: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        if not monthly_infra and info.data.get("infrastructure", ...) is None:
            raise ValueError("running costs are missing: give infrastructure, or monthly_infra by candidate")
        return monthly_infra

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
