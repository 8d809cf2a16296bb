"""The translation demo's strings: what is taken, and that no judged string was trained on in another guise."""

import pytest

from leanglot.data import demo_strings as module
from leanglot.data.demo_strings import DIRECTIONS, bare, demo_strings
from string_packages import sentence, write_strings

GERMAN = {"Door": "Tür", "Window": "Fenster", "Name": "Name"}


def strings(word, number):
    sentences = {"title": f"{word} {number}", "state": {"on": sentence(word, number)}}
    return sentences | {"name": "Name", "rule": "{n, plural, one {a}}", "link": "https://a.b"}


@pytest.fixture
def data(monkeypatch, tmp_path):
    monkeypatch.setenv("LEANGLOT_CACHE", str(tmp_path / "cache"))
    words = {"en": "Door", "de": "Tür", "ja": "ドア", "zh-Hans": "门"}
    wheel = write_strings(tmp_path / "strings.whl", words, strings)
    monkeypatch.setattr(module, "fetch_archive", lambda archive: wheel)
    return demo_strings()


def test_strings_are_aligned_by_key_in_every_direction(data):
    rows = {
        (s, t, pair)
        for part in (data.train, data.valid, data.test)
        for s, t, pair in zip(part.sources, part.references, part.pairs, strict=True)
    }
    assert ("Door bbb on", "Tür bbb on", "en→de") in rows
    assert ("Tür bbb on", "Door bbb on", "de→en") in rows
    assert {pair for *_, pair in rows} == {"en→de", "en→ja", "en→zh", "de→en"}
    assert data.train.groups is not None
    assert set(data.train.groups) <= {f"part{number}" for number in range(400)}


def test_what_is_no_sentence_to_translate_is_left_out(data):
    texts = {*data.train.sources, *data.test.sources, *data.valid.sources}
    assert not texts & {"Name", "https://a.b", "never read"}
    assert not any("plural" in text for text in texts)


def test_no_judged_string_was_trained_on_in_another_guise(data):
    def sides(part):
        return {
            (tag, bare(text))
            for texts, tags in ((part.sources, part.source_languages), (part.references, part.target_languages))
            for text, tag in zip(texts, tags, strict=True)
        }

    assert len(data.test) > 20
    assert not sides(data.train) & (sides(data.test) | sides(data.valid))


def test_it_is_read_once(data, monkeypatch):
    def fail(archive):
        raise AssertionError("fetched again")

    monkeypatch.setattr(module, "fetch_archive", fail)
    again = demo_strings()
    assert (again.train.digest(), again.test.digest()) == (data.train.digest(), data.test.digest())


def test_the_directions_are_enough():
    languages = {tag for direction in DIRECTIONS for tag in direction}
    assert len(languages) == 9
    assert ("en", "de") in DIRECTIONS
    assert ("de", "en") in DIRECTIONS


@pytest.mark.parametrize(
    ("one", "other"),
    [("Turn {name} off!", "turn {entity} OFF"), ("Port 2", "Port 3"), ("\uff37i-Fi", "wi fi")],
)
def test_guises_of_one_string_are_recognized(one, other):
    assert bare(one) == bare(other)
