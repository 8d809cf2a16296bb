"""SVG pictures for the page: in few characters, in the reader's theme, as an address that holds the whole picture."""

import re
from collections.abc import Mapping
from typing import Final

from markupsafe import Markup

from leanglot.charts.style import GRID, INK, MUTED, SURFACE

_DARK: Final[Mapping[str, str]] = {INK: "#e6ebf1", MUTED: "#a7b2be", GRID: "#36404b", SURFACE: "#171c22"}
_FONTS: Final[Mapping[str, str]] = {"DejaVuSans-Bold-": "B", "DejaVuSans-": "D"}
_GROUP_NAME: Final = re.compile(r'<g id="[A-Za-z0-9]+_\d+">')
_LETTER: Final = re.compile(r'<use xlink:href="(#[^"]+)"(?: transform="translate\(([-\d.]+)(?: 0)?\)")?/>')


def slim(svg: str) -> str:
    """The same picture in fewer characters.

    Coordinates keep a hundredth of a point, letters a tenth of a hundredth of their size; what a picture does not show
    goes: comments, indents, blanks in paths, long names of letters.
    """
    short = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    short = _GROUP_NAME.sub("<g>", re.sub(r"\s+", " ", short)).replace("> <", "><")
    for long, brief in _FONTS.items():
        short = short.replace(f'="{long}', f'="{brief}').replace(f'="#{long}', f'="#{brief}')
    short = _LETTER.sub(_letter, short)
    return re.sub(r'(?<= d=")[^"]*', _path, short)


def themed(svg: str) -> str:
    """Lets an SVG picture follow the reader's theme.

    Pictures in ``<img>`` are documents of their own, which know the reader's preference and nothing of the page;
    so the colours of `leanglot.charts.style` that depend on the theme become custom properties inside of it.
    """
    light = "".join(f"--c{index}:{colour};" for index, colour in enumerate(_DARK))
    dark = "".join(f"--c{index}:{colour};" for index, colour in enumerate(_DARK.values()))
    rules = f"<style>:root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}</style>"
    for index, colour in enumerate(_DARK):
        svg = re.sub(rf"(?<=[:\s]){colour}\b", f"var(--c{index})", svg, flags=re.IGNORECASE)
    return re.sub(r"<svg\b[^>]*>", lambda match: match[0] + rules, svg, count=1)


def data_uri(svg: str) -> Markup:
    """The picture as an address that may stand between double quotes in HTML, with hardly a character more."""
    quoted = svg.replace("%", "%25").replace("#", "%23").replace("&", "%26")
    # Single quotes serve as well, unless a text of the picture has some.
    quoted = quoted.replace('"', "'" if "'" not in quoted else "%22")
    return Markup(f"data:image/svg+xml,{quoted}")  # noqa: S704 - has no double quote and no ampersand


def _letter(use: re.Match[str]) -> str:
    place = "" if use[2] is None else f' x="{float(use[2]):.1f}"'
    return f'<use href="{use[1]}"{place}/>'


def _path(path: re.Match[str]) -> str:
    return re.sub(r" ?([A-Za-z]) ?", r"\1", re.sub(r"(\.\d\d)\d+", r"\1", path[0]))
