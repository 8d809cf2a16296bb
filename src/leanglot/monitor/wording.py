"""What the monitor found, in plain sentences with the numbers, and what to do about it."""

from collections.abc import Mapping
from typing import Final

from leanglot.errors import DataError
from leanglot.languages import display_name, split_pair
from leanglot.monitor.events import UNDETERMINED
from leanglot.monitor.findings import Finding
from leanglot.monitor.language import OTHER
from leanglot.monitor.moments import moment
from leanglot.monitor.pending import MOST_PENDING
from leanglot.monitor.rightness import NOT_JUDGED
from leanglot.results.monitor_baseline import MonitorBaseline
from leanglot.results.monitoring import Signal

EVERYTHING: Final = "*"

_ADVICE: Final[dict[Signal, str]] = {
    "accuracy": (
        "Read the newest wrong answers of this language. Route it to the baseline model meanwhile, and judge the "
        "served model on the labelled traffic with leanglot gate. If answers are labelled because they are wrong, as "
        "after complaints, the model may be as before: label a random sample to know."
    ),
    "estimate": (
        "The confidence fell, and with it the accuracy that it usually stands for. Label some hundred of the newest "
        "predictions of this language to know, and route it to the baseline model if they are wrong."
    ),
    "confidence": (
        "The model is sure of other things than on the test set. Look at texts of this language with low confidence, "
        "and label some hundred of them to know the accuracy."
    ),
    "labels": (
        "Look whether users ask for other things than before, or whether the model has begun to prefer an answer. "
        "Label some of these answers to tell the two apart."
    ),
    "failures": (
        "Look at the newest translations of this pair, and of which texts they are: a new kind of text, a language "
        "told wrongly, or a model that fails. Route the pair to the baseline model if its translations do not show "
        "the same."
    ),
    "ratio": (
        "Translations became shorter or longer beside their sources: look whether parts are left out or repeated, and "
        "whether texts of a new kind come in."
    ),
    "length": (
        "Look at the newest texts of this language: a new client, a new template, or texts cut or joined before they "
        "get here. Judge the model on texts of this length."
    ),
    "unknown": (
        "Look for characters that the tokenizer does not know: emoji, another script, a broken encoding. If they "
        "belong there, use a vocabulary that knows them."
    ),
    "fragmentation": (
        "Texts fall into other pieces than those of the test set: look for another spelling, another script, or a "
        "language told wrongly. If they belong there, trim the vocabulary on such texts."
    ),
    "script": (
        "Look whether the language is told rightly, and whether users write it in another script. Judge the model on "
        "such texts."
    ),
    "latency": (
        "Look at the queue, at the load and at the length of the texts: add a replica, or a faster variant for this "
        "language."
    ),
    "traffic": (
        "Look where the traffic comes from: a new client, an outage, or languages told wrongly. Judge again what the "
        "mix of languages decides, such as the price of errors."
    ),
}
_PAIR_ADVICE: Final[dict[Signal, str]] = {
    "accuracy": (
        "Read the newest translations of this pair that are far from their references. Route it to the baseline model "
        "meanwhile, and judge the served model on the references with leanglot evaluate. If translations get a "
        "reference because they are bad, as after complaints, the model may be as before: have a random sample "
        "translated to know."
    ),
    "estimate": (
        "The confidence fell, and with it the quality that it usually stands for. Have some hundred of the newest "
        "texts of this pair translated by people to know, and route it to the baseline model if they "
        "are bad."
    ),
    "confidence": (
        "The model is sure of other things than on the test set. Look at translations of this pair with low "
        "confidence, and have some hundred of them translated by people to know the quality."
    ),
}
PAIR_SHARE: Final = "the share of translations whose chrF reaches the median of the judged ones"
"""What stands in place of the accuracy, in language pairs."""

_KNOWN: Final = {
    UNDETERMINED: "Unknown language (und)",
    OTHER: "Other languages",
    EVERYTHING: "All traffic",
}


def language_name(language: str) -> str:
    """A language's English name with its tag; the tag alone where it has no name."""
    if language in _KNOWN:
        return _KNOWN[language]
    try:
        return f"{display_name(language)} ({language})"
    except DataError:
        return language


def advice(signal: Signal, language: str = UNDETERMINED) -> str:
    """What to do about a change of a signal.

    Args:
        signal: The signal.
        language: Canonical tag, of a language or a pair.
    """
    return _PAIR_ADVICE.get(signal, _ADVICE[signal]) if split_pair(language) is not None else _ADVICE[signal]


def message(language: str, finding: Finding) -> str:
    """What changed, with the numbers.

    Args:
        language: Canonical tag; ``*`` for the mix of languages.
        finding: The change.
    """
    verb = "rose" if finding.now > finding.baseline else "fell"
    change = f"{verb} from {finding.baseline:.1%} to {finding.now:.1%} ({_interval(finding)})"
    since = f"since {moment(finding.since):%Y-%m-%d %H:%M} UTC"
    name = language_name(language)
    if split_pair(language) is not None and finding.signal in {"accuracy", "estimate"}:
        over = "translations with a reference" if finding.signal == "accuracy" else "translations"
        what = PAIR_SHARE if finding.signal == "accuracy" else f"{PAIR_SHARE}, estimated from the confidence,"
        return f"{name}: {what} {change}, over {finding.n:,} {over} {since}."
    if finding.signal == "accuracy":
        return f"{name}: the accuracy {change}, over {finding.n:,} labelled predictions {since}."
    if finding.signal == "estimate":
        return f"{name}: the accuracy, estimated from the confidence, {change}, over {finding.n:,} predictions {since}."
    if finding.signal == "latency":
        return (
            f"{name}: {finding.now:.1%} are {finding.what}, and {finding.baseline:.1%} are allowed, over "
            f"{finding.n:,} predictions {since}."
        )
    return f"{name}: the share of {finding.what} {change}, over {finding.n:,} predictions {since}."


def _interval(finding: Finding) -> str:
    """By how many points it changed, and the interval."""
    change, low, high = (
        f"{value * 100:+.1f}".replace("-", "−") for value in (finding.now - finding.baseline, finding.low, finding.high)
    )
    return f"{change} points, between {low} and {high}"


def notes(baseline: MonitorBaseline | None, counters: Mapping[str, int]) -> tuple[str, ...]:
    """What must be known to read the numbers, one sentence each.

    Args:
        baseline: What is compared with.
        counters: What was unusual.
    """
    found = []
    if baseline is None:
        found.append(
            "There is no baseline: predictions are counted and nothing is tested. leanglot evaluate ARTIFACT --data "
            "DATA --save-baseline stores one in the artifact."
        )
    if baseline is not None and baseline.task == "translation":
        found.append(
            "Translations have no accuracy: what stands in its place is the share of them whose chrF against a "
            "reference reaches the median that was judged in their pair, about half of those of an unchanged model."
        )
    if not_judged := counters.get(NOT_JUDGED, 0):
        who = "1 reference came" if not_judged == 1 else f"{not_judged:,} references came"
        found.append(
            f"{who} without a number under chrf from 0 to 1, or in a pair that was not judged, and could not be used."
        )
    if late := counters.get("late", 0):
        who = "1 prediction came later than its" if late == 1 else f"{late:,} predictions came later than their"
        found.append(f"{who} time says, or the clock went back: counted in the minute that was reached by then.")
    if unknown := counters.get("unknown_ids", 0) - counters.get("early_labels", 0):
        who = "1 label came for an identifier" if unknown == 1 else f"{unknown:,} labels came for identifiers"
        found.append(
            f"{who} of which no prediction waits: never logged, labelled already, not read yet, or driven out by newer "
            f"ones; {MOST_PENDING:,} can wait."
        )
    return tuple(found)
