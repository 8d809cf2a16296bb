"""Everything that a monitor must remember to go on as if it had never stopped, and what it belongs to."""

import hashlib
import json
from dataclasses import asdict
from typing import Literal

from pydantic import BaseModel, ConfigDict

from leanglot.errors import RunError
from leanglot.monitor.alert_book import AlertBookState
from leanglot.monitor.language import LanguageState
from leanglot.monitor.pending import PendingState
from leanglot.monitor.recent import MinuteState
from leanglot.monitor.rules import Rules
from leanglot.monitor.stored import Count, Seconds
from leanglot.monitor.traffic import TrafficState
from leanglot.results.monitor_baseline import MonitorBaseline


class Origin(BaseModel):
    """What a monitor was begun with: another baseline or other rules would make its evidence worth nothing.

    Attributes:
        name: Name of the artifact or the router; empty without a baseline.
        digest: SHA-256 of the baseline; None without one.
        rules: The rules by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    digest: str | None
    rules: dict[str, object]


class WatchState(BaseModel):
    """Stored form of `Watch`.

    Attributes:
        schema_version: Version of this layout.
        origin: What it belongs to.
        began: Time of the first prediction in seconds since 1970; None before it.
        newest: Time of the newest prediction; None before it.
        predictions: All of them.
        minutes: Those of the last 60 minutes.
        languages: By name, in the order in which they came to be watched.
        pending: Predictions that wait for their label, by language.
        early: Labels that were read before their prediction, by identifier.
        traffic: The mix of languages; None without a baseline.
        alerts: The alerts.
        counters: What was skipped, refused or unusual.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    origin: Origin
    began: Seconds | None
    newest: Seconds | None
    predictions: Count
    minutes: MinuteState
    languages: dict[str, LanguageState]
    pending: dict[str, PendingState]
    early: dict[str, str] = {}
    traffic: TrafficState | None
    alerts: AlertBookState
    counters: dict[str, Count]


def origin_of(baseline: MonitorBaseline | None, rules: Rules) -> Origin:
    """What a monitor is begun with."""
    if baseline is None:
        return Origin(name="", digest=None, rules=asdict(rules))
    text = json.dumps(baseline.model_dump(mode="json"), sort_keys=True, ensure_ascii=True)
    return Origin(name=baseline.name, digest=hashlib.sha256(text.encode()).hexdigest(), rules=asdict(rules))


def check_origin(state: WatchState, baseline: MonitorBaseline | None, rules: Rules) -> None:
    """Check that a stored state may go on with a baseline and rules.

    Raises:
        RunError: It was begun with others.
    """
    now = origin_of(baseline, rules)
    if state.origin == now:
        return
    raise RunError(
        f"The monitor's state was begun with other settings: {'; '.join(_differences(state.origin, now))}.",
        "Go on with those, or begin a new state: its evidence cannot be carried over.",
    )


def _differences(then: Origin, now: Origin) -> list[str]:
    found = []
    if then.digest != now.digest:
        found.append(f"{_named(then)} then, {_named(now)} now")
    names = [*then.rules, *(name for name in now.rules if name not in then.rules)]
    found += [
        f"{name} was {then.rules.get(name)!r} and is {now.rules.get(name)!r}"
        for name in names
        if then.rules.get(name) != now.rules.get(name)
    ]
    return found


def _named(origin: Origin) -> str:
    return "no baseline" if origin.digest is None else f"the baseline {origin.name} ({origin.digest[:12]})"
