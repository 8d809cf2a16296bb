"""Builds the golden gate: run as a script, it writes ``gate-v1.xml`` and ``gate-v1.md`` beside itself.

``gate-v1.json`` stays as the first version of the records wrote it.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))

from gate_answers import decided  # noqa: E402
from leanglot.decide.gate import GateRule  # noqa: E402
from leanglot.report.gate import render_gate  # noqa: E402
from leanglot.report.junit import render_junit  # noqa: E402
from leanglot.results.gate import GateReport  # noqa: E402

# Right twice, lost, won, wrong twice.
COUNTS = {
    "de": (860, 4, 6, 30),
    "en": (940, 5, 5, 50),
    "es": (470, 3, 2, 25),
    "hi": (130, 4, 3, 23),
    "ja": (380, 2, 1, 17),
    "pt-BR": (510, 2, 2, 36),
    "sr-Latn": (96, 1, 0, 3),
    "sw": (14, 0, 0, 2),
    "th": (310, 31, 6, 53),
    "vi": (230, 3, 5, 12),
    "zh-Hans": (620, 5, 3, 22),
    "zh-Hant": (70, 2, 2, 6),
}


def build() -> GateReport:
    """Twelve languages: safe, harmed and open ones; floors met, missed and not proven; one size kept, one exceeded."""
    rule = GateRule(
        margins={"sw": 0.05},
        floors={"th": 0.8, "en": 0.9, "hi": 0.8},
        max_size_bytes=150e6,
        max_size_ratio=0.25,
    )
    notes = ["Whether a|b.parquet answers the same texts was not checked, only labels and languages: <no report>."]
    found = decided(
        COUNTS, rule, sizes=(487_800_000, 137_400_000), names=("models/current", "runs/mine:int8"), notes=notes
    )
    return found.model_copy(update={"created_at": datetime(2025, 1, 17, 9, 30, tzinfo=UTC)})


if __name__ == "__main__":
    report = build()
    for suffix, text in {"xml": render_junit(report), "md": render_gate(report)}.items():
        (FOLDER / f"gate-v1.{suffix}").write_text(text, encoding="utf-8")
    stored = FOLDER / "gate-v1.json"
    if not stored.exists():
        stored.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
