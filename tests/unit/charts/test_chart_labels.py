from leanglot.charts.labels import challengers, drawable, language_name, language_tags, shorten


def test_long_names_keep_both_ends():
    assert shorten("magnitude-0.30-layer+int8-embeddings", 20) == "magnitude-0.3…ddings"
    assert len(shorten("x" * 99, 20)) == 20


def test_short_names_stay():
    assert shorten("int8", 4) == "int8"


def test_blanks_are_folded():
    assert shorten("a\n\t b", 9) == "a b"


def test_characters_without_a_glyph_are_marked():
    assert drawable("int8-日本", 20) == "int8-??"


def test_a_tag_that_names_nothing_stays_itself():
    assert language_name("not a tag") == "not a tag"
    assert language_name("th") == "Thai"


def test_languages_without_examples_in_the_data_are_not_lost(golden):
    moved = golden.candidates[1].model_copy(update={"languages": {"fi": golden.candidates[1].languages["th"]}})
    report = golden.model_copy(update={"candidates": (moved,)})
    assert language_tags(report) == (*golden.data.examples, "fi")


def test_the_baseline_challenges_nobody(golden):
    assert [each.name for each in challengers(golden)] == [each.name for each in golden.candidates[1:]]
