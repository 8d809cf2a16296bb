import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from leanglot.charts.files import drawings, write_charts
from leanglot.errors import RunError
from leanglot.report.figures import TABLED
from leanglot.report.page import render_page

VOID = {"meta", "img", "br", "link", "input"}


class Outline(HTMLParser):
    """Checks that tags nest, and collects what the tests ask for."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.ids, self.text = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if "id" in dict(attrs):
            self.ids.append(dict(attrs)["id"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "title", "script"} & set(self.open):
            self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


def without_pictures(html):
    return re.sub(r"data:image/svg[^\"]*", "", html)


@pytest.fixture(scope="module")
def html(golden):
    return render_page(golden, {})


@pytest.fixture(scope="module")
def outline(html):
    return Outline(html)


@pytest.fixture(scope="module")
def charted(golden, tmp_path_factory):
    paths = write_charts(golden, tmp_path_factory.mktemp("charts"))
    return render_page(golden, {path.stem: path for path in paths if path.suffix == ".svg"})


def test_ids_are_unique_and_links_lead_somewhere(outline):
    assert len(outline.ids) == len(set(outline.ids))
    links = [attrs["href"] for tag, attrs in outline.tags if tag == "a"]
    assert links
    assert all(link[1:] in outline.ids for link in links)
    named = [attrs["aria-labelledby"] for _, attrs in outline.tags if "aria-labelledby" in attrs]
    assert set(named) <= set(outline.ids)


def test_the_answer_comes_before_the_tables(html):
    places = [html.index(mark) for mark in ("<h1", 'id="harmed"', 'id="goals"', 'id="candidates"', 'id="languages"')]
    assert places == sorted(places)
    assert places[0] < html.index('id="method"')


def test_every_language_is_there_with_its_verdict(outline, golden):
    assert outline.words.count("Luxembourgish (lb)") >= len(golden.candidates) - 1
    assert "about 1,880 more" in outline.words
    assert "cannot be said" in outline.words
    assert "One example cannot show how often answers change." in outline.words


def test_failures_and_absences_say_why(outline):
    assert "Failed: graph and model disagree on 31 of 64 probe texts" in outline.words
    assert "400 timed calls, at least 662 needed" in outline.words


def test_verdicts_are_words_not_colours(outline):
    marks = [attrs["class"] for tag, attrs in outline.tags if tag == "span" and "verdict" in attrs.get("class", "")]
    shown = sum(outline.words.count(word) for word in ("safe", "harmed", "not proven"))
    assert 0 < len(marks) <= shown


def test_tables_have_headers_with_scope(outline):
    headers = [attrs for tag, attrs in outline.tags if tag == "th"]
    assert headers
    assert all(attrs.get("scope") in {"row", "col"} for attrs in headers)


def test_nothing_is_loaded(charted):
    outline = Outline(charted)
    assert not {"link", "iframe", "object", "form"} & {tag for tag, _ in outline.tags}
    sources = [value for _, attrs in outline.tags for name, value in attrs.items() if name in {"src", "srcset", "href"}]
    assert all(source.startswith(("data:image/svg+xml,", "#")) for source in sources)
    own = without_pictures(charted)
    assert "url(" not in own
    assert "@import" not in own


def test_only_the_texts_of_the_policy_run(charted):
    outline = Outline(charted)
    policy = next(attrs["content"] for tag, attrs in outline.tags if attrs.get("http-equiv"))
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert "unsafe" not in policy
    for kind in ("script", "style"):
        texts = re.findall(rf"<{kind}>(.*?)</{kind}>", without_pictures(charted), re.DOTALL)
        hashes = {f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in texts}
        assert hashes == set(directives[f"{kind}-src"].split())
    assert not [name for _, attrs in outline.tags for name in attrs if name.startswith("on") or name == "style"]


def test_pictures_have_texts_and_sizes(charted, golden):
    pictures = [attrs for tag, attrs in Outline(charted).tags if tag == "img"]
    assert len(pictures) == len(set(drawings(golden)) - TABLED)
    assert all(len(each["alt"]) > 40 and int(each["width"]) > 300 and int(each["height"]) > 100 for each in pictures)


def test_the_page_is_small(charted):
    assert len(charted.encode()) < 1_000_000


def test_the_same_report_gives_the_same_page(golden, html):
    assert render_page(golden, {}) == html


def test_texts_from_outside_stay_texts(hollow):
    html = render_page(hollow, {})
    outline = Outline(html)
    assert [attrs.get("type") for tag, attrs in outline.tags if tag == "script"] == [None, "application/json", None]
    assert "img" not in {tag for tag, _ in outline.tags}
    assert not [name for _, attrs in outline.tags for name in attrs if name.startswith("on")]
    assert "<script>alert(1)</script>" in outline.words
    assert "\x1b" not in html
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in html


def test_a_run_with_a_baseline_alone_renders(bare):
    words = Outline(render_page(bare, {})).words
    assert "Nothing to ship yet" in words
    assert "There is no candidate beside the baseline." in words
    assert "This run made no recommendation." in words


def test_routing_is_shown(golden):
    words = Outline(render_page(golden.model_copy(update={"routing": {"th": "original"}}), {})).words
    assert "Routing" in words


def test_charts_are_drawn_where_none_are_given(bare):
    assert render_page(bare).count("data:image/svg+xml") == len(set(drawings(bare)) - TABLED)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"<svg></svg>"])
def test_a_chart_that_cannot_be_read_is_an_error(bare, tmp_path, content):
    path = tmp_path / "overview.svg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunError, match=re.escape(str(path))) as caught:
        render_page(bare, {"overview": path})
    assert caught.value.hint is not None
