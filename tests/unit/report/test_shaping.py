"""What pruning did, in every form of the report; runs without it show nothing of the kind."""

import io
import re
from html import unescape

import pytest
from rich.console import Console
from shaped_runs import FFN, HALF, HEADS, LAYERS, with_updates

from leanglot.report.markdown import render_markdown
from leanglot.report.page import render_page
from leanglot.report.shaping import ZEROS, kept_by_layer, pruning_lines, pruning_table
from leanglot.report.terminal import render_tables
from leanglot.results.shaping import PruningFacts


def printed(report, width=100):
    stream = io.StringIO()
    Console(file=stream, width=width).print(render_tables(report))
    return stream.getvalue()


def rows_of(report):
    return {row.candidate.name: row for row in pruning_table(report).rows}


# Words


@pytest.mark.parametrize(
    ("facts", "full", "short"),
    [
        (HALF, "", ""),
        (HEADS, "heads 12 → 8 6 7 5 6 7 8 6 6 5 4 4 per layer", "heads 12 → 8 6 7 … (4 to 8) per layer"),
        (FFN, "neurons 1,536 → 768 in each of 12 layers", "neurons 1,536 → 768 in each of 12 layers"),
        (LAYERS, "layers 12 → 6: 0 2 4 6 8 10 of 0 to 11", "layers 12 → 6: 0 2 4 6 8 10 of 0 to 11"),
    ],
)
def test_what_is_left_is_told_by_layer(facts, full, short):
    assert (kept_by_layer(facts, short=False), kept_by_layer(facts, short=True)) == (full, short)


@pytest.mark.parametrize(("kept", "total"), [((3, 4), 9), ((1, 9), 12)])
def test_what_each_layer_had_is_told_only_where_the_record_tells(kept, total):
    facts = PruningFacts(technique="heads", target=0.1, actual=0.1, removed=1, total=total, kept_by_layer=kept)
    assert kept_by_layer(facts, short=True) == f"heads {kept[0]} {kept[1]} per layer"


@pytest.mark.parametrize(
    ("kept", "sides", "told"),
    [
        ((0, 1, 2, 3, 4, 6, 7), (4, 4), "encoder's layers 4, all kept; decoder's layers 4 → 3: 0 2 3 of 0 to 3"),
        ((0, 11, 12), (12, 1), "encoder's layers 12 → 2: 0 11 of 0 to 11; decoder's layers 1, all kept"),
    ],
)
def test_each_side_of_a_translation_model_is_told_with_layers_of_its_own(kept, sides, told):
    total = sum(sides)
    facts = PruningFacts(
        technique="layers",
        target=None,
        actual=(total - len(kept)) / total,
        removed=total - len(kept),
        total=total,
        kept_by_layer=kept,
        before_by_layer=sides,
    )
    assert kept_by_layer(facts, short=True) == told


def test_steps_become_sentences():
    assert pruning_lines((HALF, HEADS, LAYERS)) == [
        "Pruned by magnitude: 50.0% of 21,397,248 weights are zero, 50.0% asked for.",
        "Pruned by heads: 50.0% of 144 heads are cut out, 50.0% asked for; heads 12 → 8 6 7 … (4 to 8) per layer.",
        "Pruned by layers: 50.0% of 12 layers are cut out; layers 12 → 6: 0 2 4 6 8 10 of 0 to 11.",
    ]


# The table


def test_the_baseline_stands_first_and_failures_are_left_out(shaped):
    assert list(rows_of(shaped)) == [
        "original", "int8", "int8-embeddings", "magnitude-30", "magnitude-70",
    ]  # fmt: skip
    first = rows_of(shaped)["original"]
    assert (first.steps, first.size, first.compressed_told, first.speedup) == ((), "471.3 MB", "249.5 MB", "reference")


def test_each_step_says_what_was_asked_and_reached(shaped):
    steps = [(step.technique, step.asked, step.reached) for step in rows_of(shaped)["int8"].steps]
    assert steps == [
        ("heads", "50.0%", "50.0% of 144 heads"),
        ("FFN", "50.0%", "50.0% of 18,432 neurons"),
        ("layers", "by name", "50.0% of 12 layers"),
    ]


def test_a_pattern_is_told_where_recipe_and_records_belong_together(shaped):
    assert [step.asked for step in rows_of(shaped)["magnitude-30"].steps] == ["2:4"]
    twice = with_updates(shaped, {"magnitude-30": {"pruning": (HALF, HALF)}})
    assert [step.asked for step in rows_of(twice)["magnitude-30"].steps] == ["50.0%", "50.0%"]


def test_gzip_is_told_against_the_baseline(shaped):
    row = rows_of(shaped)["magnitude-30"]
    assert row.compressed_told == "217.3 MB (12.9% smaller)"
    unknown = with_updates(shaped, {"original": {"compressed_bytes": None}})
    assert rows_of(unknown)["magnitude-30"].compressed_told == "217.3 MB"
    assert "n/a for original, magnitude-70: gzip was not measured." in pruning_table(unknown).remarks


def test_absent_numbers_say_why(shaped):
    assert pruning_table(shaped).remarks == (
        ZEROS,
        "Speed-up of the same without the zeros: magnitude-30 as onnx 1.43×, magnitude-70 as int8 3.15×.",
        "n/a for int8, int8-embeddings: gzip is measured where single weights are zero.",
        "n/a for int8-embeddings: no speed-up was measured.",
        "n/a for magnitude-70: gzip was not measured.",
    )
    no_size = with_updates(shaped, {"int8": {"size_bytes": None}})
    assert rows_of(no_size)["int8"].size == "n/a"
    assert "n/a for int8: no size was measured." in pruning_table(no_size).remarks


def test_without_a_measured_twin_nothing_is_compared(shaped):
    alone = with_updates(shaped, {"onnx": {"speedup": None}, "int8": {"speedup": None}})
    assert not [remark for remark in pruning_table(alone).remarks if remark.startswith("Speed-up")]


def test_without_zeros_there_is_neither_gzip_nor_a_word_of_it(golden):
    heads = with_updates(golden, {"int8": {"pruning": (HEADS,)}})
    table = pruning_table(heads)
    assert (table.has_compressed, table.remarks) == (False, ())
    for shown in (printed(heads), render_markdown(heads), render_page(heads, {})):
        assert "heads 12 → 8 6 7 " in shown
        assert "gzip" not in shown
        assert "Zeros" not in shown


def test_a_baseline_that_was_pruned_itself_is_told(golden):
    (row,) = pruning_table(with_updates(golden, {"original": {"pruning": (HEADS,)}})).rows
    assert (row.candidate.name, row.steps[0].reached, row.speedup) == ("original", "50.0% of 144 heads", "reference")


def test_what_layers_have_left_is_told_once_for_all(shaped):
    table = pruning_table(shaped)
    assert table.kept_short["heads 12 → 8 6 7 … (4 to 8) per layer"] == ("int8", "int8-embeddings")
    assert table.kept["neurons 1,536 → 768 in each of 12 layers"] == ("int8", "magnitude-70")


# The forms


@pytest.mark.parametrize("width", [80, 95, 96, 100, 200])
def test_the_terminal_shows_it_in_its_width(shaped, width):
    shown = printed(shaped, width)
    assert max(map(len, shown.splitlines())) <= min(width, 100)
    assert "…" not in shown.replace("7 … (", "")
    told = " ".join(shown.split())
    assert ZEROS in told
    assert "int8, int8-embeddings: heads 12 → 8 6 7 … (4 to 8) per layer" in told
    assert ("asked for" in shown) == (width >= 96)
    if width >= 96:
        assert "magnitude-30 magnitude 2:4 50.0% of 21,397,248 weights 470.8 1.42× 217.3" in told


def test_markdown_shows_it_in_a_table(shaped):
    text = render_markdown(shaped)
    section = text[text.index("## Pruning") : text.index("## Vocabulary")]
    assert len({line.count("|") for line in section.splitlines() if line.startswith("|")}) == 1
    assert (
        "| magnitude | 2:4 | 50.0% of 21,397,248 weights |  | 470.8 MB | 217.3 MB (12.9% smaller) | 1.42× |" in section
    )
    assert "| heads<br>FFN<br>layers |" in section
    assert ZEROS in section


def test_the_page_shows_all_layers(shaped):
    html = unescape(render_page(shaped, {}))
    assert html.index('id="candidates"') < html.index('id="pruning"') < html.index('id="data"')
    assert "heads 12 → 8 6 7 5 6 7 8 6 6 5 4 4 per layer" in html
    assert "heads<br>FFN<br>layers</td>" in html
    assert "217.3 MB (12.9% smaller)" in html
    assert f'<p class="aside">{ZEROS}</p>' in html


def test_names_from_outside_stay_names(hollow):
    names = [each.name for each in hollow.candidates[1:5]]
    assert set(names) < set(hollow.data.notes)
    report = with_updates(hollow, {name: {"pruning": (HALF, HEADS)} for name in names})
    html, text, shown = render_page(report, {}), render_markdown(report), printed(report)
    assert html.lower().count("<script") == 3
    assert not re.search(r"(?<!\\)<script", re.sub(r"(`+).+?\1", "", text), flags=re.IGNORECASE)
    assert "[red]a[/red]" in shown
    assert "\x1b" not in html + text + shown


@pytest.mark.parametrize("fixture", ["golden", "quantized", "bare", "hollow"])
def test_runs_without_it_show_nothing(request, fixture):
    report = request.getfixturevalue(fixture)
    assert pruning_table(report) is None
    assert "Pruning" not in printed(report) + render_markdown(report)
    assert 'id="pruning"' not in render_page(report, {})
