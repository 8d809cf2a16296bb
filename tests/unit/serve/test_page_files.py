"""The dashboard's files: all of them used and packaged, nothing from outside, no text that becomes HTML."""

import re
import tomllib
from pathlib import Path

import pytest

from leanglot.serve import page_files

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "src" / "leanglot" / "serve" / "page"
FILES = sorted(path for path in FOLDER.iterdir() if path.is_file())
ASSETS = {"page": page_files.page(), "style": page_files.style_sheet(), "script": page_files.script()}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_is_served(path):
    assert any(path.read_text(encoding="utf-8").strip() in text for text in ASSETS.values())


def test_a_model_that_translates_has_a_page_of_pairs():
    pairs = page_files.page(translates=True)
    for of_languages, of_pairs in page_files._OF_PAIRS:
        assert ASSETS["page"].count(of_languages) == pairs.count(of_pairs) == 1
    assert 'data-task="translation"' in pairs
    assert "ccuracy" not in pairs
    assert re.findall(r'id="[^"]+"', pairs) == re.findall(r'id="[^"]+"', ASSETS["page"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_is_packaged_and_short(path):
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["leanglot"]
    assert any(path in (ROOT / "src" / "leanglot").glob(pattern) for pattern in patterns)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("name", ASSETS)
def test_nothing_is_loaded_from_elsewhere(name):
    text = ASSETS[name].replace("http://www.w3.org/2000/svg", "")
    assert "://" not in text
    assert "@import" not in text
    assert re.findall(r"url\(", text) == []
    assert set(re.findall(r'(?:src|href)="([^"#]+)"', text)) <= {
        "dashboard/app.js",
        "dashboard/style.css",
        "dashboard/data",
        next(iter(re.findall(r'rel="icon" href="([^"]+)"', text)), ""),
    }


@pytest.mark.parametrize(
    "word",
    ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser", ".srcdoc"],
)
def test_no_text_becomes_html_or_script(word):
    assert word not in ASSETS["script"]


def test_the_page_has_no_inline_script_style_or_handler():
    assert re.findall(r"<script(?![^>]* src=)", ASSETS["page"]) == []
    assert "<style" not in ASSETS["page"]
    assert re.findall(r"\s(?:style|on\w+)=", ASSETS["page"]) == []


def test_the_script_finds_every_element_it_names():
    named = set(re.findall(r'byId\("([^"]+)"\)', ASSETS["script"]))
    assert len(named) > 30
    assert named - set(re.findall(r'\bid="([^"]+)"', ASSETS["page"])) == set()
