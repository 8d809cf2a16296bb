"""Distillation as a step: it helps, leaves the teacher alone, and what it made can be saved, exported and loaded."""

import gc
from dataclasses import replace

import numpy as np
import pytest
import torch

from leanglot.artifacts import make_artifact
from leanglot.compress.distil import distil, new_student, ranking
from leanglot.compress.importance import Scores
from leanglot.compress.learning import Lessons
from leanglot.compress.slicing import drop_layers, slice_heads
from leanglot.config import CandidateConfig
from leanglot.data.examples import Examples
from leanglot.data.pool import TextPool
from leanglot.data.training import training_examples
from leanglot.errors import RecipeError
from leanglot.export.parity import logit_differences
from leanglot.measure.subject import in_memory
from leanglot.models.structure import blocks_of, neurons_of
from leanglot.models.text_classifier import linear_layers, linear_sparsity, load_text_classifier
from leanglot.quantizers import Making
from leanglot.results.manifest import read_manifest
from leanglot.runtimes.loading import load
from leanglot.shapers import carry_out
from leanglot.techniques import Distillation, HeadPruning, LayerPruning, MagnitudePruning, TrimVocabulary
from leanglot.techniques.distillation import HiddenMatching, Student
from leanglot.techniques.training import Training
from leanglot.train import answers
from tiny_models import LABELS

LANGUAGES = ("de", "en", "th")
QUICK = Training(epochs=0.2, batch_size=12, learning_rate=1e-3, dropout=0.0)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Few flushes to the disk, and little garbage to collect after a training."""
    monkeypatch.setattr(answers, "_CHUNKS", 2)
    gc.freeze()
    yield
    gc.unfreeze()


def sentences(seed, times, *, labelled=True):
    """Every word that tells a label, so many times in each language, among other words."""
    rng, rows = np.random.default_rng(seed), []
    for _ in range(times):
        for tag in LANGUAGES:
            for label in LABELS:
                for number in range(8):
                    words = [f"filler-{filler}" for filler in rng.integers(400, size=rng.integers(2, 10))]
                    words.insert(int(rng.integers(len(words) + 1)), f"{tag}-{label}-{number}")
                    rows.append((" ".join(words), label if labelled else "", tag))
    return Examples(*map(tuple, zip(*rows, strict=True)))


TESTED = sentences(2, 4)


@pytest.fixture(scope="module")
def data():
    return training_examples(sentences(1, 1), "texts.jsonl")


def logits(model, texts=TESTED.texts[:5]):
    rows = [torch.tensor([model.tokenizer.encode(text).ids]) for text in texts]
    with torch.no_grad():
        return torch.cat([model.module(input_ids=ids, attention_mask=torch.ones_like(ids)).logits for ids in rows])


def accuracy(model):
    found = logits(model, TESTED.texts).argmax(dim=1).tolist()
    pairs = zip(found, TESTED.labels, strict=True)
    return sum(model.labels[place] == label for place, label in pairs) / len(TESTED)


def weights_of(model):
    return {name: tensor.clone() for name, tensor in model.module.state_dict().items()}


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize(
    ("student", "least"),
    [(Student(layers=1, take="last"), 0.005), (Student(layers=1, ffn=16), 0.5)],
    ids=["taken", "new"],
)
def test_a_student_of_one_layer_is_better_after_distillation(tiny_classifier, tmp_path, student, least, labelled):
    before = weights_of(tiny_classifier)
    training = Training(
        epochs=6, batch_size=12, learning_rate=1e-3 if student.ffn is None else 5e-3, dropout=0.0, validation=0
    )
    config = Distillation(student=student, alpha=0.5 if labelled else 0.9, training=training)
    examples = training_examples(sentences(1, 3, labelled=labelled), "texts.jsonl")
    shaped = distil(tiny_classifier, config, Lessons(tiny_classifier, examples, tmp_path))
    start = new_student(tiny_classifier, student, None, 0).model
    assert len(blocks_of(shaped.model.module)) == 1
    assert accuracy(shaped.model) > accuracy(start) + least
    facts = shaped.model.training[-1]
    assert facts.unlabelled == (0 if labelled else len(examples.examples))
    assert ("labels" in facts.epochs[-1].parts) is labelled
    assert facts.epochs[-1].parts["teacher"] < facts.epochs[0].parts["teacher"]
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights_of(tiny_classifier).items())


def test_alpha_applies_to_texts_with_a_label_alone(tiny_classifier, tmp_path):
    unlabelled = training_examples(sentences(1, 1, labelled=False), "texts.jsonl")
    found = [
        weights_of(
            distil(
                tiny_classifier,
                Distillation(student=Student(layers=1), alpha=alpha, training=QUICK),
                Lessons(tiny_classifier, unlabelled, tmp_path),
            ).model
        )
        for alpha in (0.2, 1.0)
    ]
    assert all(torch.equal(tensor, found[1][name]) for name, tensor in found[0].items())


def test_a_pruned_model_recovers_with_the_whole_one_as_its_teacher(tiny_classifier, tmp_path):
    pruned = slice_heads(tiny_classifier, [(0,), (1,)])
    with torch.no_grad():
        damaged = replace(pruned, module=new_student(pruned, None, None, 0).model.module)
        torch.manual_seed(0)
        for weight in damaged.module.roberta.encoder.parameters():
            weight.add_(torch.randn_like(weight) * 0.5)
    before = weights_of(damaged)
    training = Training(epochs=4, batch_size=12, learning_rate=2e-3, dropout=0.0, validation=0)
    examples = training_examples(sentences(1, 3, labelled=False), "texts.jsonl")
    shaped = distil(damaged, Distillation(training=training), Lessons(tiny_classifier, examples, tmp_path))
    assert accuracy(damaged) < 0.9
    assert accuracy(shaped.model) > accuracy(damaged) + 0.05
    assert shaped.model.module.config.leanglot_structure == {"heads": [1, 1]}
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights_of(damaged).items())


def test_the_same_seed_makes_the_same_student(tiny_classifier, data, tmp_path):
    config = Distillation(student=Student(layers=1, ffn=16), training=QUICK)
    found = [
        distil(
            tiny_classifier,
            config.model_copy(update={"training": QUICK.model_copy(update={"seed": seed})}),
            Lessons(tiny_classifier, data, tmp_path / name),
        ).model
        for name, seed in (("one", 3), ("two", 3), ("three", 4))
    ]
    one, two, three = map(weights_of, found)
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())
    assert not torch.equal(one["classifier.dense.weight"], three["classifier.dense.weight"])


def test_other_settings_never_take_each_other_s_result(tiny_classifier, data, tmp_path):
    lessons = Lessons(tiny_classifier, data, tmp_path)
    configs = [
        Distillation(student=Student(layers=1), training=QUICK),
        Distillation(student=Student(layers=1), training=QUICK, alpha=0.6),
        Distillation(student=Student(layers=1), training=QUICK, temperature=3.0),
        Distillation(student=Student(layers=1), training=QUICK, hidden=HiddenMatching()),
        Distillation(student=Student(layers=1, take="last"), training=QUICK),
        Distillation(student=Student(layers=1), training=QUICK.model_copy(update={"learning_rate": 2e-3})),
    ]
    found = [logits(distil(tiny_classifier, config, lessons).model) for config in configs]
    assert len(list(tmp_path.glob("*/final.safetensors"))) == len(configs)
    for place, one in enumerate(found):
        assert all(not torch.equal(one, other) for other in found[place + 1 :])
    assert torch.equal(logits(distil(tiny_classifier, configs[0], lessons).model), found[0])


def test_a_student_of_other_families(any_family, data, tmp_path):
    teacher = load_text_classifier(any_family)
    before = weights_of(teacher)
    for config in (
        Distillation(student=Student(layers=1), hidden=HiddenMatching(), training=QUICK),
        Distillation(student=Student(layers=1, hidden=16, heads=2, ffn=8), hidden=HiddenMatching(), training=QUICK),
    ):
        shaped = distil(teacher, config, Lessons(teacher, data, tmp_path))
        assert len(blocks_of(shaped.model.module)) == 1
        assert torch.isfinite(logits(shaped.model)).all()
        assert shaped.model.training[-1].epochs[-1].parts["hidden"] > 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights_of(teacher).items())


def scores(*order, **languages):
    rows = {tag: tuple(np.asarray([value], dtype=float) for value in values) for tag, values in languages.items()}
    return Scores("layers", "ablation", dict.fromkeys(rows, 1), rows, order=order, combine="worst")


@pytest.mark.parametrize(("first", "kept"), [(0, 1), (1, 0)])
def test_layers_may_be_chosen_by_importance(tiny_classifier, data, tmp_path, first, kept):
    config = Distillation(student=Student(layers=1, take="importance"), training=QUICK)
    start = new_student(tiny_classifier, config.student, scores(first, en=(1, 3)), 0)
    assert torch.allclose(logits(start.model), logits(drop_layers(tiny_classifier, [kept])), atol=1e-5)
    assert start.importance.kind == "layers"
    shared = {tensor.data_ptr() for tensor in tiny_classifier.module.parameters()}
    assert not shared & {tensor.data_ptr() for tensor in start.model.module.parameters()}
    shaped = distil(tiny_classifier, config, Lessons(tiny_classifier, data, tmp_path), scores(first, en=(1, 3)))
    assert shaped.importance == start.importance
    assert shaped.model.pruning[-1].kept_by_layer == (kept,)
    with pytest.raises(RecipeError, match="measured on texts"):
        new_student(tiny_classifier, config.student, None, 0)


def test_the_step_that_ranks_layers():
    assert ranking(None, None) is None
    assert ranking(None, Student(layers=1)) is None
    assert ranking(None, Student(hidden=8)) is None


@pytest.mark.parametrize("count", [1, 2])
def test_as_many_layers_as_asked_are_kept_by_importance(tiny_classifier, count):
    step = ranking(tiny_classifier, Student(layers=count, take="importance"))
    assert step == LayerPruning(sparsity=(2 - count) / 2)


def test_more_layers_than_there_are_cannot_be_kept_by_importance(tiny_classifier):
    with pytest.raises(RecipeError, match="The student is to have 3 layers of tiny-xlmr, which has 2"):
        ranking(tiny_classifier, Student(layers=3, take="importance"))


STUDENTS = {
    "taken": Student(layers=1),
    "smaller": Student(layers=1, hidden=16, heads=2, ffn=24),
    "whole": None,
}


@pytest.mark.parametrize("name", STUDENTS)
def test_a_student_s_artifact_comes_back_as_it_was_made(tiny_classifier, data, tmp_path, name):
    step = Distillation(student=STUDENTS[name], training=QUICK)
    making = Making(training=data, work=tmp_path / "work")
    model = carry_out(tiny_classifier, (step,), making).model
    folders = {}
    for runtime in ("pytorch", "onnxruntime"):
        folders[runtime] = tmp_path / runtime
        folders[runtime].mkdir()
        candidate = CandidateConfig(name=runtime, runtime=runtime, recipe=(step,))
        manifest = make_artifact(tiny_classifier, candidate, folders[runtime], making)
        assert manifest == read_manifest(folders[runtime])
        assert manifest.recipe == (step,)
        assert manifest.training == model.training
        assert (manifest.training[0].technique, len(manifest.training)) == ("distil", 1)
    back = load_text_classifier(folders["pytorch"])
    assert back.training == model.training
    assert back.module.config.num_hidden_layers == (2 if name == "whole" else 1)
    before = weights_of(model)
    assert weights_of(back).keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights_of(back).items())
    texts, languages = TESTED.texts[:60], TESTED.languages[:60]
    for folder in folders.values():
        differences = logit_differences(in_memory(model, threads=1), load(folder, threads=1), texts, languages)
        assert max(differences.values()) < 1e-4


def test_a_sliced_teacher_has_a_student_that_can_be_exported(tiny_classifier, data, tmp_path):
    steps = (
        HeadPruning(remove={0: (0, 3), 1: (2,)}),
        Distillation(student=Student(layers=1, take="last"), hidden=HiddenMatching(), training=QUICK),
    )
    making = Making(training=data, work=tmp_path / "work")
    model = carry_out(tiny_classifier, steps, making).model
    (tmp_path / "artifact").mkdir()
    manifest = make_artifact(tiny_classifier, CandidateConfig(name="s", recipe=steps), tmp_path / "artifact", making)
    assert manifest.recipe == steps
    assert model.module.config.leanglot_structure == {"heads": [3]}
    texts, languages = TESTED.texts[:30], TESTED.languages[:30]
    found = logit_differences(in_memory(model, threads=1), load(tmp_path / "artifact", threads=1), texts, languages)
    assert max(found.values()) < 1e-4


def test_the_teacher_is_the_model_before_any_step_or_the_one_given(tiny_classifier, tiny_model, data, tmp_path):
    steps = (LayerPruning(remove=(1,)), Distillation(training=QUICK))
    other = load_text_classifier(tiny_model)
    with torch.no_grad():
        other.module.classifier.out_proj.weight.neg_()
    other = replace(other, source="another")
    by_origin, by_other = (
        carry_out(tiny_classifier, steps, Making(training=data, teacher=teacher, work=tmp_path)).model
        for teacher in (None, other)
    )
    stores = sorted(np.load(path / "logits.npy").shape for path in tmp_path.glob("teacher-*"))
    assert len(stores) == 2
    parts = [model.training[0].epochs[0].parts["teacher"] for model in (by_origin, by_other)]
    assert parts[0] < 0.5 < parts[1]
    assert by_origin.recipe == steps


def test_a_trimmed_vocabulary_and_a_student_go_together(tiny_classifier, data, tmp_path):
    texts = data.examples
    making = Making(training=data, corpus=TextPool(texts.texts, texts.languages, "texts"), work=tmp_path)
    steps = (TrimVocabulary(), Distillation(student=Student(layers=1), hidden=HiddenMatching(), training=QUICK))
    shape = carry_out(tiny_classifier, steps, making)
    assert shape.model.module.get_input_embeddings().num_embeddings < 500
    assert not any("are not matched" in note for note in shape.notes)
    assert shape.model.training[0].epochs[0].parts["hidden"] > 0
    assert torch.isfinite(logits(shape.model)).all()


def test_distillation_without_examples_asks_for_some(tiny_classifier):
    with pytest.raises(RecipeError, match="distil needs examples to train on") as caught:
        carry_out(tiny_classifier, (Distillation(),), Making())
    assert "--training FILE" in caught.value.hint


def test_languages_that_are_served_and_not_trained_are_told(tiny_classifier, data, tmp_path):
    making = Making(training=data, work=tmp_path, served=("de", "sw", "ja"))
    notes = carry_out(tiny_classifier, (Distillation(training=QUICK),), making).notes
    assert "There are no examples to train on in ja, sw, which the model serves." in notes


def test_without_a_folder_nothing_is_left_behind(tiny_classifier, data, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = carry_out(tiny_classifier, (Distillation(training=QUICK),), Making(training=data)).model
    assert model.training
    assert list(tmp_path.iterdir()) == []


def test_sizes_of_a_new_student_are_told_by_its_config(tiny_classifier, data, tmp_path):
    config = Distillation(student=Student(ffn=20), training=QUICK)
    model = distil(tiny_classifier, config, Lessons(tiny_classifier, data, tmp_path)).model
    assert [neurons_of(model.module, block) for block in blocks_of(model.module)] == [20, 20]
    assert model.pruning == ()


def test_weights_that_an_earlier_step_set_to_zero_stay_zero(tiny_classifier, data, tmp_path):
    steps = (MagnitudePruning(sparsity=0.5), Distillation(hidden=HiddenMatching(), training=QUICK))
    shape = carry_out(tiny_classifier, steps, Making(training=data, work=tmp_path))
    pruned = carry_out(tiny_classifier, steps[:1], Making()).model.module
    before, after = linear_layers(pruned), linear_layers(shape.model.module)
    assert before.keys() == after.keys()
    for name, layer in after.items():
        assert torch.equal(layer.weight == 0, before[name].weight == 0), name
        assert type(layer) is torch.nn.Linear
    assert any(not torch.equal(layer.weight, before[name].weight) for name, layer in after.items())
    assert linear_sparsity(shape.model.module) == pytest.approx(shape.model.pruning[0].actual)
