"""Language tags are checked, normalised and named."""

import pytest

from leanglot.errors import DataError
from leanglot.languages import canonical_tag, display_name, nearest_tag, script


@pytest.mark.parametrize(
    ("tag", "canonical"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("zh_CN", "zh-CN"),
        ("zho_Hans", "zh-Hans"),
        ("eng_Latn", "en"),
        ("iw", "he"),
        ("sr-latn", "sr-Latn"),
        ("i-klingon", "tlh"),
        ("pt-br", "pt-BR"),
        ("yue", "yue"),
        ("x-mine", "x-mine"),
    ],
)
def test_spellings_of_one_language_become_one_tag(tag, canonical):
    assert canonical_tag(tag) == canonical


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("english", "en"),
        ("German", "de"),
        ("deutsch", "de"),
        ("Chinese (Simplified)", "zh"),
        ("swahilli", "sw"),
        ("jp", "ja"),
        ("cz", "cs"),
        ("ge", "ka"),
        ("de_DE.UTF-8", "de-DE"),
        (" fr ", "fr"),
        ("en--US", "en-US"),
        ("de-", "de"),
    ],
)
def test_a_wrong_tag_is_refused_with_the_one_that_was_meant(wrong, meant):
    with pytest.raises(DataError) as caught:
        canonical_tag(wrong)
    assert wrong.strip() in caught.value.message
    assert f'Did you mean "{meant}"' in caught.value.hint
    assert nearest_tag(wrong) == meant


@pytest.mark.parametrize("wrong", ["", "zz", "12", "e", "q" * 500, "en\x00", "ⅷ", "xyzzyx plugh", "../etc"])
def test_a_tag_like_nothing_is_refused_with_examples(wrong):
    with pytest.raises(DataError, match="is not a language tag") as caught:
        canonical_tag(wrong)
    assert "Did you mean" not in caught.value.hint
    assert "pt-BR" in caught.value.hint
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("wrong", [None, 5, float("nan"), ["en"]])
def test_a_tag_must_be_text(wrong):
    with pytest.raises(DataError, match=type(wrong).__name__):
        canonical_tag(wrong)


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("de", "German"),
        ("zh-CN", "Chinese (China)"),
        ("zh-Hant-HK", "Chinese (Traditional, Hong Kong)"),
        ("sr-Latn", "Serbian (Latin)"),
        ("sw", "Swahili"),
        ("el", "Greek"),
        ("de-1996", "German (1996)"),
        ("en-x-mine", "English (x-mine)"),
        ("x-mine", "x-mine"),
        ("qaa", "qaa"),
    ],
)
def test_names_are_plain_english(tag, name):
    assert display_name(tag) == name


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("en", "Latn"),
        ("zh", "Hans"),
        ("zh-TW", "Hant"),
        ("sr-Latn", "Latn"),
        ("hi", "Deva"),
        ("ckb", "Arab"),
        ("x-mine", None),
        ("und", None),
        ("qaa", None),
    ],
)
def test_the_script_is_the_likely_one_and_unknown_is_none(tag, expected):
    assert script(tag) == expected


@pytest.mark.parametrize("function", [display_name, script])
def test_names_and_scripts_refuse_what_is_no_tag(function):
    with pytest.raises(DataError, match="english"):
        function("english")
