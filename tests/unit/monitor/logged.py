"""Predictions as the lines of a log, for the tests of what reads logs."""

import json
import math


def log_lines(events):
    """The lines that a server would have logged."""
    columns = zip(
        events.time.tolist(),
        events.id,
        events.language,
        events.prediction,
        events.confidence.tolist(),
        events.latency_ms.tolist(),
        events.label,
        strict=True,
    )
    names = ("time", "id", "language", "prediction", "confidence", "latency_ms", "label")
    for index, row in enumerate(columns):
        entry = dict(zip(names, row, strict=True))
        entry |= {"variant": events.variant[index], "script": events.script[index]}
        entry |= {name: int(getattr(events, name)[index]) for name in ("tokens", "unknown", "characters")}
        kept = {name: value for name, value in entry.items() if not (isinstance(value, float) and math.isnan(value))}
        yield json.dumps(kept) + "\n"


def write_log(path, *parts):
    """Append predictions to a log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        for events in parts:
            file.writelines(log_lines(events))
