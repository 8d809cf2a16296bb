"""What the model card of a translation model says in its own way: quality by language pair, and how to load it."""

from collections.abc import Mapping
from typing import Final

from leanglot.languages import split_pair
from leanglot.report.judged import how_judged
from leanglot.report.markdown_parts import escape
from leanglot.report.markdown_translation import measured_line, pair_table
from leanglot.report.translation import translation_section
from leanglot.results.records import Candidate, RunReport
from leanglot.techniques import Runtime

_LOADS_ALONE: Final[Mapping[Runtime, str]] = {
    "ctranslate2": "`model.bin` also loads with plain ctranslate2, and `tokenizer.json` with tokenizers.",
    "onnxruntime": "The ONNX graphs and `tokenizer.json` also load with plain onnxruntime and tokenizers.",
    "openvino": "The graphs and `tokenizer.json` also load with plain OpenVINO and tokenizers.",
}


def pair_quality_part(report: RunReport, candidate: Candidate) -> str:
    """Scores and verdicts by language pair, what failed silently, and how all of that was measured.

    Args:
        report: The run.
        candidate: One of its candidates, not a failed one.

    Raises:
        RunError: When the report names candidates that it does not have.
    """
    section = translation_section(report)
    table = None if section is None else next((each for each in section.tables if each.candidate == candidate), None)
    if section is None or table is None:
        return f"What {escape(candidate.name)} makes of sentences was not measured."
    failures = () if section.failures is None else section.failures.found
    found = [f"- **{escape(each.told)}**" for each in failures if each.candidate == candidate.name]
    told = "\n".join(["More frequent than in the baseline, without an error:", "", *found]) if found else ""
    parts = (pair_table(table), told, *map(measured_line, section.measured), how_judged(report))
    return "\n\n".join(part for part in parts if part)


def translator_loading(candidate: Candidate) -> str:
    """How a translation artifact is loaded, with one of its own language pairs."""
    source, target = next((pair for tag in candidate.languages if (pair := split_pair(tag))), ("en", "de"))
    lines = [
        "```python",
        "import leanglot",
        "",
        'translator = leanglot.load("FOLDER")  # where this repository was downloaded to',
        f'print(translator.translate(["…"], target="{target}", source="{source}"))',
        "```",
    ]
    told = _LOADS_ALONE.get(candidate.runtime)
    return "\n".join(lines) + (f"\n\n{told}" if told else "")
