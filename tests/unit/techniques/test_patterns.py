import pytest

from leanglot.errors import RecipeError
from leanglot.techniques.patterns import kept, matches

NAMES = {
    "bert.embeddings.word_embeddings",
    "bert.encoder.layer.0.attention.self.query",
    "bert.encoder.layer.0.output.dense",
    "bert.encoder.layer.1.output.dense",
    "bert.encoder.layer.10.output.dense",
    "classifier",
}


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("embeddings", {"bert.embeddings.word_embeddings"}),
        ("word_embeddings", {"bert.embeddings.word_embeddings"}),
        ("*embeddings", {"bert.embeddings.word_embeddings"}),
        ("classifier", {"classifier"}),
        ("layer.1", {"bert.encoder.layer.1.output.dense"}),
        ("layer.1*", {"bert.encoder.layer.1.output.dense", "bert.encoder.layer.10.output.dense"}),
        ("layer.?.output", {"bert.encoder.layer.0.output.dense", "bert.encoder.layer.1.output.dense"}),
        ("bert.encoder.layer.0.attention.self.query", {"bert.encoder.layer.0.attention.self.query"}),
        ("attention", {"bert.encoder.layer.0.attention.self.query"}),
        (".classifier.", {"classifier"}),
        ("*", NAMES),
    ],
)
def test_a_pattern_means_modules_and_what_is_inside_them(pattern, meant):
    assert kept(NAMES, [pattern]) == meant


def test_parts_are_whole():
    assert not matches("bert.encoder.layer.10.output", ["layer.1"])
    assert not matches("bert.encoder", ["enc"])
    assert not matches("bert", ["bert.encoder"])


def test_several_patterns_add_up():
    assert kept(NAMES, ["classifier", "query"]) == {"classifier", "bert.encoder.layer.0.attention.self.query"}
    assert kept(NAMES, []) == set()


def test_a_pattern_that_means_nothing_is_told_with_names_near_it():
    with pytest.raises(RecipeError, match=r"'clasifier' matches no layer") as caught:
        kept(NAMES, ["query", "clasifier"])
    assert "classifier" in str(caught.value.hint)
