"""What the page's script needs, as records: names, texts and numbers that were told already, and no rules."""

from pydantic import BaseModel, ConfigDict

from leanglot.results.records import Status, VerdictKind

Number = float | None


class Column(BaseModel):
    """A column of the table of languages.

    Attributes:
        key: Stable name.
        title: Its heading.
        numeric: Whether it holds numbers, which stand to the right.
        extra: Whether it is hidden until the reader asks for it.
        hint: What it means, where the heading does not say it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    title: str
    numeric: bool = True
    extra: bool = False
    hint: str = ""


class Interval(BaseModel):
    """The interval of a drop in percentage points.

    Attributes:
        low: Lower end of the two-sided interval.
        drop: The drop.
        high: Upper end.
        bound: One-sided upper bound, which the verdict compares with the margin.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float
    drop: float
    high: float
    bound: Number


class Row(BaseModel):
    """One language of one candidate.

    Attributes:
        language: Index of the language.
        verdict: The verdict; None where there is none.
        texts: A text for each column.
        values: A number for each column, to sort by; None where it is absent.
        interval: The drop's interval; None where nothing was compared.
        reason: The sentence that the record has for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: int
    verdict: VerdictKind | None
    texts: tuple[str, ...]
    values: tuple[Number, ...]
    interval: Interval | None
    reason: str


class Choice(BaseModel):
    """A candidate that the reader can choose.

    Attributes:
        name: Its name, safe to show.
        status: Its status.
        note: What decided its status, or why it failed; empty where nothing was recorded.
        values: A number or a text for each column of the table of candidates, to sort by; None where it is absent.
        limit: The drop in points at both ends of the strips that its intervals are drawn in.
        strip_ends: The same in words.
        rows: One per language, the worst drop first; empty for a failed candidate.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    status: Status
    note: str
    values: tuple[float | str | None, ...]
    limit: float
    strip_ends: str
    rows: tuple[Row, ...]


class Language(BaseModel):
    """A language.

    Attributes:
        tag: Its tag.
        name: Its English name with the tag.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tag: str
    name: str


class Sign(BaseModel):
    """How a verdict is shown.

    Attributes:
        sign: Its sign.
        word: Its word.
        style: Its class in the style sheet.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sign: str
    word: str
    style: str


class Priced(BaseModel):
    """What a candidate costs in a month, for the reader's what-if.

    Attributes:
        candidate: Index of the candidate.
        infra: Machines.
        errors: Wrong answers.
        scales: Whether its machines follow the price of a machine; off where a monthly figure was given.
        shippable: Whether it may be called the cheapest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidate: int
    infra: float
    errors: float
    scales: bool
    shippable: bool


class WhatIf(BaseModel):
    """What a reader can try with other prices.

    Attributes:
        currency: Sign or code of the amounts.
        cheapest: Index of the cheapest candidate at the prices given; None where there is none.
        priced: The candidates with a total, in the order of the report.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: str
    cheapest: int | None
    priced: tuple[Priced, ...]


class Words(BaseModel):
    """What the run calls things.

    Attributes:
        quality: What its scores are of, as a heading.
        language: What its verdicts are given for.
        examples: What was judged, as a heading.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    quality: str
    language: str
    examples: str


class PageData(BaseModel):
    """Everything the script knows.

    Attributes:
        chosen: Index of the candidate shown at first.
        baseline: Index of the baseline.
        margin: The margin in percentage points.
        margin_text: The same in words.
        level: Level of the intervals.
        signs: How verdicts are shown, by verdict; no verdict is the empty key.
        columns: The columns of the table of languages.
        languages: The languages, in the order of the data.
        candidates: The candidates, in the order of the report.
        what_if: Prices to try; None where nothing was priced.
        words: What the run calls things.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    chosen: int
    baseline: int
    margin: float
    margin_text: str
    level: str
    signs: dict[str, Sign]
    columns: tuple[Column, ...]
    languages: tuple[Language, ...]
    candidates: tuple[Choice, ...]
    what_if: WhatIf | None = None
    words: Words
