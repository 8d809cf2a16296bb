"""A Hugging Face model card of one candidate: how it was made, what it costs whom, and what is not known."""

from collections.abc import Iterator
from typing import Final

from leanglot.charts.quantities import ABSENT, count, percent, points, smaller
from leanglot.charts.steps import recipe_words
from leanglot.errors import RunError
from leanglot.report.card_metadata import Origin, card_metadata
from leanglot.report.card_translation import pair_quality_part, translator_loading
from leanglot.report.format import in_points, language, moment, more_examples, plural, speed
from leanglot.report.markdown_parts import code, escape
from leanglot.report.summary import (
    LanguageLine,
    accuracy_change,
    drop_of,
    group_languages,
    primary,
)
from leanglot.report.tables import Column, candidate_table
from leanglot.results.records import Candidate, RunReport
from leanglot.results.terms import terms_of

CARD_NAME: Final = "card.md"
_NOTHING_KNOWN: Final = Origin()
_MEASURED: Final[tuple[Column, ...]] = (
    "size", "median", "p95", "p99", "tokenizing", "throughput", "cold start", "peak memory", "threads",
)  # fmt: skip
_LABELS_LISTED: Final = 30


def choose_candidate(report: RunReport, name: str | None) -> Candidate:
    """The candidate that a card is made for.

    Args:
        report: The run.
        name: Its name; None takes the one that the report opens with.

    Raises:
        RunError: There is no such candidate, it failed, or nothing is recommended.
    """
    names = ", ".join(each.name for each in report.candidates)
    if name is None:
        chosen = primary(report)
        if chosen is None:
            raise RunError("Nothing is recommended in this run.", f"Name one with --candidate: {names}.")
        return chosen
    found = next((each for each in report.candidates if each.name == name), None)
    if found is None:
        raise RunError(f"{name!r:.80} is no candidate of this run.", f"Candidates: {names}.")
    if found.status == "failed":
        raise RunError(f"{name} failed, so there is nothing to tell of it: {found.reason}", f"Candidates: {names}.")
    return found


def render_card(report: RunReport, candidate: Candidate, origin: Origin = _NOTHING_KNOWN) -> str:
    """Renders the README.md of a model repository.

    Args:
        report: The run.
        candidate: One of its candidates, not a failed one.
        origin: What is known of the model that it was made from.

    Returns:
        Metadata in YAML, then markdown in which texts from outside are escaped.

    Raises:
        RunError: When the report names candidates that it does not have.
    """
    parts = [
        f"---\n{card_metadata(report, candidate, origin)}---",
        f"# {escape(candidate.name)}",
        _opening(report, candidate),
        _use(origin),
        "## How it was made\n\n" + _made(report, candidate),
        "## Size and speed\n\n" + _measured(report, candidate),
        _quality(report, candidate),
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in _limits(report, candidate)),
        "## How to load it\n\n" + (_loading(candidate) if report.metric is None else translator_loading(candidate)),
        "## What it was judged on\n\n" + _data(report),
    ]
    return "\n\n".join(parts) + "\n"


def _opening(report: RunReport, candidate: Candidate) -> str:
    model = escape(report.model)
    if candidate.name == report.baseline:
        return f"{model} as it is: the baseline that its compressed versions are compared with."
    return (
        f"{model}, compressed: **{speed(candidate.speedup)}, {smaller(candidate.size_reduction)}, "
        f"{terms_of(report.metric).quality} "
        f"{in_points(accuracy_change(report, candidate), signed=True)}** against the model that it was made from. "
        f"{escape(candidate.reason or '')}".rstrip()
    )


def _use(origin: Origin) -> str:
    known = "" if origin.license else " **The licence of the base model is not known here: find it out and add it.**"
    return (
        "## Intended use\n\n"
        "*To be filled in by the owner: what the model is used for, by whom, and what it must not be used for.*" + known
    )


def _made(report: RunReport, candidate: Candidate) -> str:
    steps = recipe_words(candidate.recipe, candidate)
    lines = [f"{number}. {escape(words)}" for number, words in enumerate(steps, 1)]
    told = [f"Made from {escape(report.model)} for {candidate.runtime}" + (" in these steps:" if lines else ".")]
    told += ["\n".join(lines)] if lines else []
    terms = terms_of(report.metric)
    for facts in candidate.training:
        examples = sum(facts.examples.values())
        told.append(
            f"Trained ({escape(facts.technique)}) on {plural(examples, terms.example)} in "
            f"{plural(len(facts.examples), terms.language)}; fewest: {_fewest(facts.examples)}."
        )
    return "\n\n".join(told)


def _fewest(examples: dict[str, int]) -> str:
    rarest = sorted(examples, key=lambda tag: examples[tag])[:3]
    return ", ".join(f"{language(tag)} {count(examples[tag])}" for tag in rarest)


def _measured(report: RunReport, candidate: Candidate) -> str:
    rows = {row.candidate.name: row for row in candidate_table(report).rows}
    shown = list(dict.fromkeys([report.baseline, candidate.name]))
    machine = report.environment
    table = _table(
        ["", *map(code, shown)],
        [[column, *(escape(rows[name].cells[column].text) for name in shown)] for column in _MEASURED],
    )
    return (
        f"{table}\n\nLatency of one text at batch size 1, tokenization on top, in turns with the baseline, on "
        f"{escape(machine.cpu)} ({', '.join(map(escape, machine.isa)) or 'no extensions known'}), "
        f"{plural(machine.threads, 'thread')}, {escape(machine.platform)}; "
        f"{', '.join(f'{escape(name)} {escape(version)}' for name, version in machine.versions.items())}. "
        f"{ABSENT}: not measured, or from too few calls."
    )


def _quality(report: RunReport, candidate: Candidate) -> str:
    if report.metric is None:
        return "## Quality by language\n\n" + _languages(report, candidate)
    return "## Quality by language pair\n\n" + pair_quality_part(report, candidate)


def _languages(report: RunReport, candidate: Candidate) -> str:
    groups = group_languages(report, candidate)
    lines = (*groups.harmed, *groups.unproven, *groups.safe)
    head = ["Language", "n", "Baseline", "Accuracy", "95%", "Macro F1", "Drop", "At most", "Verdict", "To settle it"]
    rule = (
        f"Drops in points. Safe: the upper confidence bound of the paired drop (at most) lies below "
        f"{in_points(report.margin)}. Harmed: an exact McNemar test, Holm-adjusted over the languages, finds a drop. "
        "Not proven: neither, and no pass."
    )
    rows = [_language_row(line, compared=candidate.name != report.baseline) for line in lines]
    return f"{_table(head, rows)}\n\n{rule}"


def _language_row(line: LanguageLine, *, compared: bool) -> list[str]:
    own = line.result
    if own is None:
        return [escape(language(line.tag)), *["not measured"] * 9]
    low, high = percent(own.accuracy_low).removesuffix("%"), percent(own.accuracy_high).removesuffix("%")
    interval = ABSENT if own.accuracy_low is None else f"{low}–{high}"
    verdict = {"safe": "safe", "harmed": "**harmed**"}.get(own.verdict or "", "not proven")
    judged = [points(own.drop), points(own.drop_bound), verdict, more_examples(own)]
    return [
        escape(language(line.tag)),
        count(own.n),
        percent(own.baseline),
        percent(own.candidate),
        interval,
        percent(own.macro_f1),
        *(judged if compared else ["reference"] * 4),
    ]


def _limits(report: RunReport, candidate: Candidate) -> Iterator[str]:
    groups = group_languages(report, candidate)
    if candidate.name != report.baseline:
        if groups.harmed:
            drops = (f"{language(line.tag)} by {in_points(drop_of(line))}" for line in groups.harmed)
            yield f"**Harmed against {escape(report.model)}: {escape(', '.join(drops))}.**"
        if groups.unproven:
            named = ", ".join(language(line.tag) for line in groups.unproven)
            yield (
                f"Not proven to be as good as {escape(report.model)} within {in_points(report.margin)}: "
                f"{escape(named)}. The test data are too few to tell; that is no pass."
            )
    yield f"Nothing is known of {terms_of(report.metric).language}s that are not in the table."
    cut = {language(tag): own.truncated for tag, own in candidate.languages.items() if own.truncated}
    if cut:
        named = ", ".join(f"{tag} {count(number)}" for tag, number in cut.items())
        yield f"Texts longer than the model reads were cut: {escape(named)}."
    for alarm in candidate.alarms:
        yield f"**{escape(alarm.code)}**: {escape(alarm.message)}"
    yield from map(escape, candidate.warnings)


def _loading(candidate: Candidate) -> str:
    told = {
        "onnxruntime": "`model.onnx` with `tokenizer.json` also loads with plain onnxruntime and tokenizers.",
        "openvino": "`model.xml` with `tokenizer.json` also loads with plain OpenVINO and tokenizers.",
    }.get(candidate.runtime, "")
    lines = [
        "```python",
        "import leanglot",
        "",
        'classifier = leanglot.load("FOLDER")  # where this repository was downloaded to',
        'print(classifier.predict(["…"]))',
        "```",
    ]
    return "\n".join(lines) + (f"\n\n{told}" if told else "")


def _data(report: RunReport) -> str:
    data = report.data
    terms = terms_of(report.metric)
    grouped = f", in {plural(sum(data.groups.values()), 'group')}" if data.groups else ""
    told = (
        f"{escape(data.source)}: {plural(sum(data.examples.values()), terms.example)}{grouped}, "
        f"{plural(len(data.examples), terms.language)}; SHA-256 of the {terms.example}s {code(data.digest[:16])}…. "
        f"{_labels(data.labels)}Measured {moment(report.created_at)}."
    )
    return "\n".join([told, *(f"\n- {escape(note)}" for note in data.notes)])


def _labels(labels: tuple[str, ...]) -> str:
    if not labels:
        return ""
    listed, more = ", ".join(map(escape, labels[:_LABELS_LISTED])), len(labels) - _LABELS_LISTED
    return f"{plural(len(labels), 'label')}: {listed}{f' and {more} more' if more > 0 else ''}. "


def _table(head: list[str], rows: list[list[str]]) -> str:
    rule = [":--", *["--:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))
