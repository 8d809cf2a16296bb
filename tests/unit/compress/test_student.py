"""Students: which layers they are made of, whose weights they have, and which sizes are refused."""

from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional
from transformers import BertConfig, BertForSequenceClassification

from leanglot.compress.slicing import drop_layers, slice_heads, slice_neurons
from leanglot.compress.student import check_labels, chosen_layers, from_layers, from_sizes, with_own_weights
from leanglot.errors import RecipeError
from leanglot.models.structure import blocks_of, heads_of, neurons_of
from leanglot.models.text_classifier import load_text_classifier, save_text_classifier
from leanglot.results.shaping import PruningFacts
from leanglot.techniques.distillation import Student


@pytest.fixture(scope="module")
def deep(tiny_classifier):
    """A teacher of twelve layers, each with weights of its own."""
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(tiny_classifier.tokenizer.get_vocab()),
        hidden_size=16,
        num_hidden_layers=12,
        num_attention_heads=4,
        intermediate_size=24,
        max_position_embeddings=40,
        pad_token_id=1,
        num_labels=3,
    )
    return replace(tiny_classifier, module=BertForSequenceClassification(config).eval(), name="deep")


def weights(model):
    return {name: tensor.clone() for name, tensor in model.module.state_dict().items()}


def logits(model, text="filler-1 en-music-2 filler-3"):
    ids = torch.tensor([model.tokenizer.encode(text).ids])
    with torch.no_grad():
        return model.module(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]


SPREAD = {12: list(range(12)), 6: [0, 2, 4, 7, 9, 11], 4: [0, 4, 7, 11], 2: [0, 11], 1: [0]}
ALTERNATE = {12: list(range(12)), 6: [0, 2, 4, 6, 8, 10], 4: [0, 3, 6, 9], 5: [0, 2, 4, 6, 8], 1: [0]}
CHOSEN = [
    *(("spread", count, layers) for count, layers in SPREAD.items()),
    *(("alternate", count, layers) for count, layers in ALTERNATE.items()),
    *(("first", count, list(range(count))) for count in (1, 4, 6, 12)),
    *(("last", count, list(range(12 - count, 12))) for count in (1, 4, 6, 12)),
]


@pytest.mark.parametrize(("take", "count", "layers"), CHOSEN)
def test_each_way_of_taking_layers(take, count, layers):
    assert chosen_layers("deep", 12, Student(layers=count, take=take)) == layers


@pytest.mark.parametrize("take", ["spread", "alternate", "first", "last"])
@pytest.mark.parametrize("total", [1, 2, 5, 24])
def test_as_many_layers_as_asked_ascending_and_each_once(take, total):
    half = -(-total // 2)
    for count in [*range(1, half + 1), total] if take == "alternate" else range(1, total + 1):
        layers = chosen_layers("any", total, Student(layers=count, take=take))
        assert layers == sorted(set(layers))
        assert len(layers) == count
        assert 0 <= layers[0] <= layers[-1] < total


def test_more_layers_than_every_second_are_refused():
    with pytest.raises(RecipeError, match="which has 12, gives 6 at most, not 8"):
        chosen_layers("deep", 12, Student(layers=8, take="alternate"))


@pytest.mark.parametrize(("take", "count", "layers"), CHOSEN)
def test_a_student_answers_as_the_teacher_s_layers_do(deep, take, count, layers):
    student = from_layers(deep, Student(layers=count, take=take))
    assert student.module.config.num_hidden_layers == count
    assert torch.allclose(logits(student), logits(drop_layers(deep, layers)), atol=1e-5)
    for block, source in zip(blocks_of(student.module), layers, strict=True):
        own = dict(student.module.get_submodule(block.name).named_parameters())
        teachers = dict(deep.module.get_submodule(f"bert.encoder.layer.{source}").named_parameters())
        assert own.keys() == teachers.keys()
        assert all(torch.equal(own[name], teachers[name]) for name in own)
    assert torch.equal(student.module.classifier.weight, deep.module.classifier.weight)


def test_a_shorter_student_tells_its_layers(deep):
    student = from_layers(deep, Student(layers=4))
    assert student.pruning == (
        PruningFacts(
            technique="layers", target=None, actual=1 - 4 / 12, removed=8, total=12, kept_by_layer=(0, 4, 7, 11)
        ),
    )
    assert from_layers(deep, Student(layers=12)).pruning == ()


def test_a_student_s_weights_are_its_own(any_family):
    teacher = load_text_classifier(any_family)
    before = weights(teacher)
    for student in (from_layers(teacher, Student(layers=1)), with_own_weights(teacher)):
        with torch.no_grad():
            for tensor in (*student.module.parameters(), *student.module.buffers()):
                tensor.add_(1)
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(teacher).items())
    assert len(blocks_of(teacher.module)) == teacher.module.config.num_hidden_layers == 2


@pytest.mark.parametrize("take", ["spread", "alternate", "first", "last"])
def test_a_deeper_student_is_refused(tiny_classifier, take):
    with pytest.raises(RecipeError) as caught:
        from_layers(tiny_classifier, Student(layers=3, take=take))
    assert caught.value.message == "The student is to have 3 layers of tiny-xlmr, which has 2."
    assert "Allowed are 1 to 2" in caught.value.hint


def test_sizes_are_those_asked_for(any_family):
    teacher = load_text_classifier(any_family)
    before = weights(teacher)
    student = from_sizes(teacher, Student(layers=1, hidden=24, heads=3, ffn=20), seed=0)
    config = student.module.config
    assert (config.hidden_size, config.num_attention_heads, config.num_hidden_layers) == (24, 3, 1)
    (block,) = blocks_of(student.module)
    assert (heads_of(student.module, block), neurons_of(student.module, block)) == (3, 20)
    assert student.module.get_input_embeddings().weight.shape == (len(before_table(teacher)), 24)
    assert logits(student).shape == (3,)
    assert not student.module.training
    assert student.module.config.id2label == teacher.module.config.id2label
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(teacher).items())
    assert (teacher.module.config.hidden_size, teacher.module.config.num_hidden_layers) == (32, 2)


def before_table(model):
    return model.module.get_input_embeddings().weight


@pytest.mark.parametrize("sizes", [{"hidden": 16}, {"heads": 2}, {"ffn": 8}])
def test_sizes_that_are_not_given_are_the_teacher_s(any_family, sizes):
    teacher = load_text_classifier(any_family)
    student = from_sizes(teacher, Student(**sizes), seed=0)
    config = student.module.config
    blocks = blocks_of(student.module)
    assert len(blocks) == 2
    assert config.hidden_size == sizes.get("hidden", 32)
    assert {heads_of(student.module, block) for block in blocks} == {sizes.get("heads", 4)}
    assert {neurons_of(student.module, block) for block in blocks} == {
        sizes.get("ffn", 32 if "hidden" in sizes else 64)
    }


def test_new_weights_come_from_the_seed(tiny_classifier):
    config = Student(hidden=16)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one, again, other = (weights(from_sizes(tiny_classifier, config, seed)) for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(one[name], again[name]) for name in one)
    changed = {name for name in one if not torch.equal(one[name], other[name])}
    assert any("attention" in name for name in changed)
    assert not any("word_embeddings" in name for name in changed)


def test_a_student_as_wide_as_its_teacher_has_its_embeddings(any_family):
    teacher = load_text_classifier(any_family)
    student = from_sizes(teacher, Student(ffn=8), seed=0)
    found = {name: tensor for name, tensor in weights(student).items() if name.endswith("embeddings.weight")}
    assert len(found) >= 2
    assert all(torch.equal(tensor, weights(teacher)[name]) for name, tensor in found.items())


def test_a_narrower_student_keeps_the_likeness_of_tokens(tiny_classifier):
    width = 12
    table = before_table(tiny_classifier).detach()
    student = from_sizes(tiny_classifier, Student(hidden=width, heads=2), seed=0)
    narrow = before_table(student).detach()

    def likeness(rows):
        unit = functional.normalize(rows[4:], dim=1)
        return unit @ unit.T

    torch.manual_seed(0)
    errors = [
        (likeness(table @ torch.linalg.qr(torch.randn(table.shape[1], width))[0]) - likeness(table)).square().mean()
        for _ in range(5)
    ]
    assert (likeness(narrow) - likeness(table)).square().mean() < 0.9 * min(errors)
    # No other directions keep more of the table (Eckart and Young, 1936).
    kept = torch.linalg.svdvals(table.double())[:width].square().sum()
    assert narrow.double().square().sum().item() == pytest.approx(kept.item(), rel=1e-5)


def test_all_embeddings_are_brought_to_the_same_directions(tiny_classifier):
    student = from_sizes(tiny_classifier, Student(hidden=12, heads=2), seed=0)
    own, teachers = (
        [layer.weight.detach() for layer in model.module.modules() if isinstance(layer, torch.nn.Embedding)]
        for model in (student, tiny_classifier)
    )
    basis = torch.linalg.lstsq(teachers[0], own[0]).solution
    assert torch.allclose(basis.T @ basis, torch.eye(12), atol=1e-4)
    for narrow, wide in zip(own, teachers, strict=True):
        assert torch.allclose(narrow, wide @ basis, atol=1e-4)


@pytest.mark.parametrize(
    ("size", "own"), [({"hidden": 64}, 32), ({"heads": 8}, 4), ({"ffn": 65}, 64), ({"layers": 3, "ffn": 8}, 2)]
)
def test_a_larger_student_is_refused_unless_it_is_meant(any_family, size, own):
    teacher = load_text_classifier(any_family)
    name, value = next(iter(size.items()))
    with pytest.raises(RecipeError) as caught:
        from_sizes(teacher, Student(**size), seed=0)
    assert caught.value.message == f"The student is to have {name}: {value}, and {teacher.name} has {own}."
    assert "wider: true" in caught.value.hint
    student = from_sizes(teacher, Student(**size, wider=True), seed=0)
    assert torch.isfinite(logits(student)).all()
    if name == "hidden":
        table = before_table(student)
        assert torch.equal(table[:, :32], before_table(teacher))
        assert not table[:, 32:].any()


def test_heads_must_divide_the_width(any_family):
    teacher = load_text_classifier(any_family)
    for config in (Student(hidden=30), Student(heads=3), Student(hidden=31, heads=2)):
        with pytest.raises(RecipeError, match="cannot be shared out over") as caught:
            from_sizes(teacher, config, seed=0)
        assert "hidden as a multiple of heads" in caught.value.hint


def test_a_sliced_teacher_has_students(tiny_classifier, tmp_path):
    sliced = slice_neurons(slice_heads(tiny_classifier, [(0, 2), (1,)]), [range(0, 64, 2), range(10)])
    short = from_layers(sliced, Student(layers=1, take="last"))
    (block,) = blocks_of(short.module)
    assert (heads_of(short.module, block), neurons_of(short.module, block)) == (1, 10)
    assert torch.allclose(logits(short), logits(drop_layers(sliced, [1])), atol=1e-5)
    fresh = from_sizes(sliced, Student(hidden=16), seed=0)
    assert {heads_of(fresh.module, block) for block in blocks_of(fresh.module)} == {4}
    assert {neurons_of(fresh.module, block) for block in blocks_of(fresh.module)} == {16}
    for place, student in enumerate((short, fresh)):
        folder = tmp_path / str(place)
        save_text_classifier(student, folder)
        assert torch.allclose(logits(load_text_classifier(folder)), logits(student), atol=1e-5)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({}, "give layers, such as 6, or sizes"),
        ({"take": "first"}, "give layers"),
        ({"layers": 0}, "greater than or equal to 1"),
        ({"layers": 1.5}, "valid integer"),
        ({"hidden": 0}, "greater than or equal to 1"),
        ({"hidden": 16, "take": "last"}, "take chooses among the model's layers"),
        ({"layers": 2, "take": "middle"}, "'spread', 'alternate', 'first', 'last' or 'importance'"),
        ({"layers": 2, "depth": 2}, "depth"),
    ],
)
def test_students_that_make_no_sense_are_refused(values, fault):
    with pytest.raises(ValidationError, match=fault):
        Student(**values)


def test_labels_are_found_in_any_order():
    assert check_labels(("a", "b", "c"), ("a", "b", "c")) == [0, 1, 2]
    assert check_labels(("a", "b", "c"), ("c", "a", "b")) == [2, 0, 1]


@pytest.mark.parametrize(
    ("teacher", "student", "odd"),
    [
        (("a", "b"), ("a", "c"), "only the teacher: b; only the student: c"),
        (("a", "b", "c"), ("a", "b"), "only the teacher: c"),
        (("a",), ("a", "x", "y"), "only the student: x, y"),
    ],
)
def test_labels_that_differ_are_named(teacher, student, odd):
    with pytest.raises(RecipeError) as caught:
        check_labels(teacher, student)
    assert caught.value.message == f"Teacher and student answer with different labels ({odd})."
    assert "id2label" in caught.value.hint
