import re
from html.parser import HTMLParser
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest

from leanglot.charts.files import drawings, svg_bytes
from leanglot.report.svg import data_uri, slim, themed

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"


class Sources(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def drawn(golden):
    return svg_bytes(drawings(golden)["overview"](golden)).decode()


def parsed(svg):
    return ET.fromstring(svg)  # noqa: S314 - our own picture


def numbers(path):
    return [float(number) for number in re.findall(r"-?[\d.]+(?:e-?\d+)?", path)]


def test_theme_colours_become_properties():
    svg = themed('<svg width="1pt"><path style="fill: #1f2933; stroke: #FFFFFF"/><path style="fill: #16202a"/></svg>')
    assert 'style="fill: var(--c0); stroke: var(--c3)"' in svg
    assert "prefers-color-scheme:dark" in svg
    assert 'fill: #16202a"' in svg


def test_a_slim_picture_has_the_same_shapes_in_the_same_places(drawn):
    full, short = parsed(drawn), parsed(slim(drawn))
    assert len(slim(drawn)) < 0.7 * len(drawn)
    assert [each.tag for each in full.iter()] == [each.tag for each in short.iter()]
    for before, after in zip(full.iter(), short.iter(), strict=True):
        # A blank is a letter without a path.
        if before.tag == f"{SVG}path" and "d" in before.attrib:
            assert re.findall("[A-Za-z]", before.get("d")) == re.findall("[A-Za-z]", after.get("d"))
            assert numbers(after.get("d")) == pytest.approx(numbers(before.get("d")), abs=0.011)
        if before.tag == f"{SVG}use" and "transform" in before.attrib and "x" not in before.attrib:
            moved = numbers(before.get("transform"))[0]
            assert float(after.get("x")) == pytest.approx(moved, abs=0.06)


def test_each_letter_of_a_slim_picture_is_defined(drawn):
    short = parsed(slim(drawn))
    names = {each.get("id") for each in short.iter() if each.get("id")}
    used = {(each.get("href") or each.get(LINK)).removeprefix("#") for each in short.iter(f"{SVG}use")}
    assert used
    assert used <= names


@pytest.mark.parametrize("text", ["plain", "50% of #1 &amp; more", "it's", "&quot;quoted&quot; &lt;script&gt;", "ไทย"])
def test_a_data_uri_stands_in_an_attribute_and_reads_back(text):
    svg = f'<svg a="1"><text>{text}</text></svg>'
    tags = Sources(f'<img src="{data_uri(svg)}">').found
    assert [tag for tag, _ in tags] == ["img"]
    read = parsed(unquote(tags[0][1]["src"].removeprefix("data:image/svg+xml,")))
    assert ET.tostring(read) == ET.tostring(parsed(svg))
