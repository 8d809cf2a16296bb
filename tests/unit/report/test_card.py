"""The model card: metadata that the hub's own library reads, every language with its verdict, nothing claimed."""

import re

import pytest
from hostile_names import HOSTILE
from huggingface_hub import ModelCard

from leanglot.charts.steps import recipe_words
from leanglot.errors import ConfigError, ModelError, RunError
from leanglot.report.card import choose_candidate, render_card
from leanglot.report.card_metadata import Origin, known_origin, read_origin
from leanglot.report.summary import group_languages


def card_of(report, name=None, origin=None):
    candidate = choose_candidate(report, name)
    text = render_card(report, candidate, origin or Origin())
    return candidate, text, ModelCard(text).data


def test_the_hub_s_library_reads_the_metadata(shaped):
    candidate, text, data = card_of(shaped, origin=Origin("FacebookAI/xlm-roberta-base", "mit"))
    assert data.model_name == candidate.name
    assert data.license == "mit"
    assert data.base_model == "FacebookAI/xlm-roberta-base"
    assert data.pipeline_tag == "text-classification"
    assert data.library_name == "onnx"
    assert {"leanglot", "onnx", "multilingual"} <= set(data.tags)
    assert all(re.fullmatch(r"[a-z]{2,3}", code) for code in data.language)
    assert ModelCard(text).text.strip().startswith(f"# {candidate.name}")


def test_results_come_by_language_in_the_hub_s_schema(golden):
    candidate, _, data = card_of(golden)
    by_language = {
        result.dataset_config: result.metric_value for result in data.eval_results if result.metric_type == "accuracy"
    }
    assert by_language.pop(None) == pytest.approx(candidate.accuracy, abs=1e-6)
    assert by_language == {tag: pytest.approx(own.candidate, abs=1e-6) for tag, own in candidate.languages.items()}
    assert {result.task_type for result in data.eval_results} == {"text-classification"}
    assert len({result.dataset_name for result in data.eval_results}) == len(by_language) + 1


def test_what_is_not_known_is_left_out_and_said(golden):
    _, text, data = card_of(golden)
    assert data.license is None
    assert data.base_model is None
    assert "The licence of the base model is not known here" in text
    assert "not known here" not in card_of(golden, origin=Origin(license="mit"))[1]
    assert "To be filled in by the owner" in text


def test_every_language_has_a_row_and_the_unproven_are_named(golden):
    candidate, text, _ = card_of(golden)
    groups = group_languages(golden, candidate)
    table = text.split("## Quality by language")[1].split("## Limits")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    assert len(rows) == groups.total
    assert sum("| not proven |" in row for row in rows) == len(groups.unproven)
    assert sum("| safe |" in row for row in rows) == len(groups.safe)
    limits = text.split("## Limits")[1].split("## How to load")[0]
    for line in groups.unproven:
        assert f"({line.tag})" in limits
    assert "Nothing is known of languages that are not in the table." in limits


def test_harmed_languages_open_the_limits(golden):
    rejected = next(each for each in golden.candidates if each.status == "rejected")
    _, text, _ = card_of(golden, rejected.name)
    limits = text.split("## Limits\n\n")[1]
    assert limits.startswith("- **Harmed against ")
    assert "**harmed**" in text


def test_steps_sizes_and_the_machine_are_told(golden):
    made = next(each for each in golden.candidates if len(each.recipe) > 1 and each.status != "failed")
    _, text, data = card_of(golden, made.name)
    for number, words in enumerate(recipe_words(made.recipe), 1):
        assert f"{number}. {words}\n" in text
    assert {"pruned", "quantized", "int8"} <= set(data.tags)
    assert golden.environment.cpu in text
    assert f"`{golden.baseline}`" in text
    assert "| p95 |" in text


def test_alarms_are_limits(quantized):
    alarmed = next(each for each in quantized.candidates if each.alarms and each.status != "failed")
    _, text, _ = card_of(quantized, alarmed.name)
    assert f"**{alarmed.alarms[0].code}**" in text.replace("\\", "")


def test_the_baseline_has_a_card_of_its_own(golden):
    _, text, data = card_of(golden, golden.baseline)
    assert "the baseline that its compressed versions are compared with" in text
    assert "| reference |" in text
    assert "Not proven" not in text.split("## Limits")[1]
    assert data.library_name == "transformers"


def test_texts_from_outside_are_escaped_and_missing_numbers_leave_metrics_out(hollow):
    for name in HOSTILE:
        found = next(each for each in hollow.candidates if each.name == name)
        candidate = found.model_copy(update={"macro_f1": None})
        text = render_card(hollow, candidate)
        data = ModelCard(text).data
        assert data.eval_results is None
        assert data.metrics is None
        body = re.sub(r"(`+).+?\1", "", text.split("\n---\n", 1)[1])  # code shows anything as it is
        assert not re.search(r"(?<!\\)<", body)
        assert "not measured" in body


def test_a_name_with_yaml_in_it_stays_a_name(golden):
    first, *others = golden.candidates
    strange = others[0].model_copy(update={"name": "---\nlicense: mit\n#"})
    report = golden.model_copy(update={"candidates": (first, strange, *others[1:]), "recommendations": {}})
    data = ModelCard(render_card(report, strange)).data
    assert data.license is None
    assert data.model_name == "---\nlicense: mit\n#"


@pytest.mark.parametrize(("name", "said"), [("gone", "'gone' is no candidate"), (None, "Nothing is recommended")])
def test_a_candidate_that_is_none_is_refused_with_those_that_are(bare, name, said):
    with pytest.raises(RunError) as caught:
        choose_candidate(bare, name)
    assert said in caught.value.message
    assert bare.baseline in caught.value.hint


def test_a_failed_candidate_has_no_card(golden):
    failed = next(each for each in golden.candidates if each.status == "failed")
    with pytest.raises(RunError, match="failed, so there is nothing to tell"):
        choose_candidate(golden, failed.name)


def test_the_base_model_s_own_card_tells_its_licence(tmp_path):
    assert read_origin(tmp_path) == Origin()
    card = tmp_path / "README.md"
    card.write_text("---\nlicense: mit\nbase_model: intfloat/multilingual-e5-small\n---\n# A model\n", encoding="utf-8")
    assert known_origin(tmp_path, None, None) == Origin("intfloat/multilingual-e5-small", "mit")
    assert known_origin(tmp_path, "org/own", "apache-2.0") == Origin("org/own", "apache-2.0")
    for text in ("# No metadata", "---\n- a list\n---\n", "---\nlicense: [mit, x]\nbase_model: [a, b]\n---\n"):
        card.write_text(text, encoding="utf-8")
        assert read_origin(tmp_path) == Origin()


def test_a_card_that_cannot_be_read_is_told(tmp_path):
    card = tmp_path / "README.md"
    card.write_text("---\nlicense: {\n---\n", encoding="utf-8")
    with pytest.raises(ModelError, match="are no YAML"):
        read_origin(tmp_path)
    card.write_text("x" * 1_000_001, encoding="utf-8")
    with pytest.raises(ModelError, match="larger than 1,000,000 bytes"):
        read_origin(tmp_path)
    with pytest.raises(ModelError, match="There is no model folder"):
        known_origin(tmp_path / "gone", None, None)


@pytest.mark.parametrize(("base", "given"), [("../x", None), ("a/b/c", None), (None, "MIT License"), (None, "")])
def test_names_that_the_hub_would_not_take_are_refused(base, given):
    with pytest.raises(ConfigError):
        known_origin(None, base, given)
