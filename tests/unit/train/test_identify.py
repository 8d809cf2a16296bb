import numpy as np
import pytest

from leanglot.errors import DataError
from leanglot.train import identify
from leanglot.train.identify import Lessons, learn

WORDS = {
    "de": ["schalte", "bitte", "das", "licht", "im", "wohnzimmer", "aus", "und", "öffne", "die", "fenster", "küche"],
    "en": ["please", "turn", "the", "lights", "in", "living", "room", "off", "and", "open", "kitchen", "windows"],
    "th": ["กรุณา", "เปิด", "ไฟ", "ห้อง", "นั่งเล่น", "และ", "ปิด", "หน้าต่าง", "ครัว"],
}


def lessons(counts, seed=0, groups=None):
    rng = np.random.default_rng(seed)
    rows = [(tag, " ".join(rng.choice(WORDS[tag], 6))) for tag, count in counts.items() for _ in range(count)]
    names = None if groups is None else [f"{place % groups}" for place in range(len(rows))]
    return Lessons([text for _, text in rows], [tag for tag, _ in rows], names, "some texts")


def test_languages_are_told_and_nonsense_is_not():
    learned = learn(lessons(dict.fromkeys(WORDS, 60)))
    identifier = learned.identifier
    told = identifier.tell(["öffne bitte die fenster der küche", "turn the lights off", "ปิด ไฟ ห้อง", "1234 !!! 99"])
    assert told == ["de", "en", "th", None]
    assert identifier.tell([]) == []
    assert identifier.info.languages == ("de", "en", "th")
    assert identifier.weights.dtype == np.float16
    right = [one == other for one, other in zip(learned.told, np.repeat(["de", "en", "th"], 60), strict=True)]
    assert np.mean(right) > 0.9
    assert 0 < learned.identifier.info.threshold < 1


def test_the_same_lessons_give_the_same_identifier():
    one, other = (learn(lessons(dict.fromkeys(WORDS, 30)), seed=5) for _ in range(2))
    assert np.array_equal(one.identifier.weights, other.identifier.weights)
    assert (one.told, one.identifier.info) == (other.told, other.identifier.info)
    assert learn(lessons(dict.fromkeys(WORDS, 30)), seed=6).identifier.info != one.identifier.info


def test_two_languages_are_two_regressions():
    identifier = learn(lessons({"de": 40, "en": 40})).identifier
    assert identifier.tell(["öffne bitte das fenster", "turn the lights off"]) == ["de", "en"]
    probabilities = identifier.probabilities(["öffne bitte das fenster"])
    assert probabilities.shape == (1, 2)
    assert probabilities.sum() == pytest.approx(1, abs=0.01)


def test_a_language_with_few_lessons_is_left_out_and_never_told():
    learned = learn(lessons({"de": 40, "en": 40, "th": 7}))
    assert learned.left_out == ("th",)
    assert learned.identifier.info.languages == ("de", "en")
    assert set(learned.told[-7:]) <= {"de", "en", None}
    assert learned.identifier.tell(["ปิด ไฟ ห้อง ครัว"])[0] != "th"


def test_groups_are_held_out_whole():
    given = lessons({"de": 10, "en": 10})
    given = Lessons(given.texts, given.languages, ["one"] * 10 + ["other"] * 10, "few")
    learned = learn(given)
    # Each language has one group: while it is held out nothing is known of it.
    assert all(tag != own for tag, own in zip(learned.told, given.languages, strict=True))


@pytest.mark.parametrize(
    ("counts", "why"), [({"de": 30}, "1 of them"), ({"de": 30, "en": 7}, "1 of them"), ({}, "0 of them")]
)
def test_one_language_cannot_be_told_apart(counts, why):
    with pytest.raises(DataError, match=why):
        learn(lessons(counts))


def test_it_stays_small_with_many_languages():
    assert identify._buckets(24) == 2**15
    assert identify._buckets(100) * 100 * 2 <= identify.MOST_BYTES


def test_at_most_so_many_lessons_of_a_language_count(monkeypatch):
    monkeypatch.setattr(identify, "MOST_TEXTS", 10)
    learned = learn(lessons({"de": 40, "en": 9, "th": 12}))
    assert len(learned.positions) == 29
    assert np.all(np.diff(learned.positions) > 0)
