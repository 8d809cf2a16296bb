"""What changed between two runs, in the terminal: each candidate as both runs found it, then what is proven."""

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.text import Text

from leanglot.charts.quantities import ABSENT, megabytes, milliseconds, points, ratio, score
from leanglot.charts.style import VERDICT_SIGN, VERDICT_WORD
from leanglot.decide.wording import names
from leanglot.report.format import language, plain, plural
from leanglot.report.gate import changes
from leanglot.report.terminal_parts import WIDTH, plain_table
from leanglot.results.comparison import CandidateChange, RunComparison, Standing
from leanglot.results.terms import Terms, terms_of
from leanglot.results.verdicts import VerdictKind

_KINDS: tuple[VerdictKind, ...] = ("safe", "harmed", "inconclusive")


def comparison_table(comparison: RunComparison) -> RenderableType:
    """Renders what changed, at most 100 columns wide.

    Args:
        comparison: Both runs.
    """
    timed, terms = comparison.same_machine, terms_of(comparison.metric)
    table = plain_table(f"From {plain(comparison.first)} to {plain(comparison.second)}")
    table.add_column("candidate", ratio=1, overflow="fold")
    signs = "/".join(VERDICT_SIGN[kind] for kind in _KINDS)
    for heading in (
        "status",
        terms.quality,
        "worst drop",
        signs,
        "size MB",
        *(["p50 ms", "speed-up"] if timed else []),
    ):
        table.add_column(heading, justify="left" if heading == "status" else "right", no_wrap=True)
    for change in comparison.candidates:
        before, after = _cells(change.first, terms, timed=timed), _cells(change.second, terms, timed=timed)
        table.add_row(Text(plain(change.name)), *(Text(cell, "dim") for cell in before))
        table.add_row(Text("then", "dim"), *map(_changed, before, after))
    parts: list[RenderableType] = [table, Text()]
    parts += [line for change in comparison.candidates for line in _told(change, terms)]
    parts += [Text(plain(line), style="dim") for line in _remarks(comparison)]
    return Constrain(Group(*parts, Text(_headline(comparison, terms), "bold")), WIDTH)


def _cells(standing: Standing, terms: Terms, *, timed: bool) -> list[str]:
    counts = [sum(kind == verdict for verdict in standing.verdicts.values()) for kind in _KINDS]
    drop = standing.worst_drop
    worst = ABSENT if drop is None else f"{standing.worst_language} {points(drop)}" if drop > 0 else "no drop"
    cells = [
        standing.status,
        score(standing.accuracy, terms),
        "ref." if standing.status == "baseline" else worst,
        "/".join(map(str, counts)) if standing.verdicts else "ref." if standing.status == "baseline" else ABSENT,
        megabytes(standing.size_bytes).removesuffix(" MB"),
    ]
    times = [milliseconds(standing.latency_p50_ms).removesuffix(" ms"), ratio(standing.speedup)]
    return [plain(cell) for cell in (*cells, *(times if timed else []))]


def _answers(terms: Terms) -> str:
    return "translations" if terms.translates else "answers"


def _changed(before: str, after: str) -> Text:
    return Text("same", "dim") if before == after else Text(after, "bold")


def _told(change: CandidateChange, terms: Terms) -> list[Text]:
    """Verdicts that changed, and what the paired test says of the second run's answers against the first's."""
    one, other = change.first.verdicts, change.second.verdicts
    moved = [tag for tag in one if tag in other and one[tag] != other[tag]]
    found = []
    if moved:
        told = [f"{language(tag)} {VERDICT_WORD[one[tag]]} to {VERDICT_WORD[other[tag]]}" for tag in moved[:8]]
        rest = f", and {plural(len(moved) - 8, terms.language)} more" if len(moved) > 8 else ""
        found.append(f"verdicts against the baseline changed: {', '.join(told)}{rest}.")
    if change.flips is not None and change.flips.changed == 0:
        found.append(f"all {_answers(terms)} are the same.")
    elif change.flips is not None:
        found.append(f"{changes(change.flips, terms)}. The second run against the first: {change.reason}")
    else:
        found.append(change.reason)
    style = "bold red" if change.paired_status == "rejected" else ""
    return [Text.assemble((plain(change.name), "cyan"), (f": {plain(' '.join(found))}", style))]


def _remarks(comparison: RunComparison) -> list[str]:
    found = list(comparison.notes)
    for run, only in ((comparison.first, comparison.only_first), (comparison.second, comparison.only_second)):
        if only:
            found.append(f"Only {run} has {', '.join(only)}.")
    return found


def _headline(comparison: RunComparison, terms: Terms) -> str:
    if not comparison.candidates:
        return "The runs have no candidate of equal name."
    total = plural(len(comparison.candidates), "candidate")
    worse = [change.name for change in comparison.candidates if change.paired_status == "rejected"]
    open_ones = [change.name for change in comparison.candidates if change.paired is None]
    same = [change for change in comparison.candidates if change.flips is not None and change.flips.changed == 0]
    if len(open_ones) == len(comparison.candidates):
        return f"Of {total} of equal name, none could be compared {_answers(terms)[:-1]} by {_answers(terms)[:-1]}."
    parts = [
        f"{plain(names(worse))} proven worse in a {terms.language}"
        if worse
        else f"none proven worse in any {terms.language}"
    ]
    parts += [f"{len(same)} with the same {_answers(terms)}"] if same else []
    parts += [f"{len(open_ones)} not compared {_answers(terms)[:-1]} by {_answers(terms)[:-1]}"] if open_ones else []
    return f"Of {total} of equal name: {'; '.join(parts)}."
