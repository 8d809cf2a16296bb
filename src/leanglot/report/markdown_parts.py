"""What the report in markdown is made of: texts and names that stay what they are, and tables."""

import re
from collections.abc import Sequence

from leanglot.charts.style import VERDICT_SIGN
from leanglot.report.format import plain

SAFE, HARMED, OPEN = VERDICT_SIGN["safe"], VERDICT_SIGN["harmed"], VERDICT_SIGN["inconclusive"]


def escape(text: str) -> str:
    """A text from outside as literal markdown on one line."""
    safe = re.sub(r"([\\`*_{}\[\]<>|#~$!&])", r"\\\1", plain(text))
    # No escape stops a mention; a joiner of no width after the sign does.
    return re.sub(r"@(?=\w)", "@\N{WORD JOINER}", safe)


def code(text: str) -> str:
    """A name from outside as code that can stand in a table."""
    shown = plain(text).replace("|", "\N{BROKEN BAR}")
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def table_of(head: Sequence[str], rows: Sequence[Sequence[str]], left: set[int]) -> str:
    """A table of texts that are markdown already; the columns of these numbers stand to the left, the others right."""
    rule = [":--" if index in left else "--:" for index in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))
