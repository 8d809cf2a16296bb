"""The loop: the same under the same seed, whole batches or parts, and the best weights where that was asked for."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from leanglot.data.schedule import make_schedule
from leanglot.errors import RecipeError, TrainingError
from leanglot.train import run
from leanglot.train.course import learning_rate
from leanglot.train.learner import PARTS
from leanglot.train.loop import total_steps
from leanglot.train.rows import collate
from leanglot.train.validation import languages_of
from tiny_training import COUNTS, SHORT, make_learner, make_rows, train, weights_of, without_teacher

HELD = without_teacher(make_rows({"de": 6, "en": 6}, seed=9))


def changed(config=SHORT, **settings):
    return config.model_validate(config.model_dump() | settings)


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_seed_decides_every_bit(tmp_path):
    learners = make_learner(), make_learner()
    torch.manual_seed(1)
    one, first = train(tmp_path / "one", learner=learners[0], held_out=HELD)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    two, second = train(tmp_path / "two", learner=learners[1], held_out=HELD)
    assert torch.equal(torch.get_rng_state(), state)  # nothing is drawn from the caller's stream
    assert same(weights_of(one), weights_of(two))
    plain = [
        [epoch.model_copy(update={"seconds": 0.0, "peak_memory_bytes": 0}) for epoch in trained.epochs]
        for trained in (first, second)
    ]
    assert plain[0] == plain[1]
    three, _ = train(tmp_path / "three", changed(seed=1), held_out=HELD)
    assert not same(weights_of(one), weights_of(three))


def test_dropout_is_drawn_from_the_seed_too(tmp_path):
    rows = make_rows({"de": 6})  # one batch holds them all, whatever the seed
    found = [
        weights_of(train(tmp_path / f"{seed}-{dropout}", changed(seed=seed, dropout=dropout), rows=rows)[0])
        for seed, dropout in ((0, 0.3), (1, 0.3), (0, 0.0), (0, None))
    ]
    assert not torch.allclose(found[0]["projections.0.weight"], found[1]["projections.0.weight"])
    assert not torch.allclose(found[0]["projections.0.weight"], found[2]["projections.0.weight"])
    assert not torch.allclose(found[3]["projections.0.weight"], found[2]["projections.0.weight"])


@pytest.mark.parametrize("micro_batch", [1, 4, 5])
def test_parts_of_a_batch_give_what_the_whole_batch_gives(tmp_path, micro_batch):
    config = changed(dropout=0.0, learning_rate=1e-4)
    whole, by_whole = train(tmp_path / "whole", config, held_out=HELD)
    parts, by_parts = train(tmp_path / "parts", changed(config, micro_batch=micro_batch), held_out=HELD)
    for name, tensor in weights_of(whole).items():
        assert torch.allclose(weights_of(parts)[name], tensor, rtol=0, atol=1e-6), name
    for one, other in zip(by_whole.epochs, by_parts.epochs, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-5)
        assert one.parts == pytest.approx(other.parts, rel=1e-5)
        assert one.seen == other.seen


def test_the_records_tell_what_was_seen_and_what_it_cost(tmp_path):
    rows = make_rows(unlabelled=3)
    learner, trained = train(tmp_path, changed(epochs=2.5), rows=rows, held_out=HELD)
    assert (trained.steps, trained.stopped_at, trained.kept_step, trained.processes) == (10, None, 10, 1)
    assert trained.is_main
    assert [epoch.step for epoch in trained.epochs] == [4, 8, 10]
    schedule = make_schedule(rows.languages, 6, "uniform", seed=0)
    before = dict.fromkeys(COUNTS, 0)
    for epoch in trained.epochs:
        counts = schedule.counts(epoch.step)
        assert epoch.seen == {tag: counts[tag] - before[tag] for tag in counts}
        before = counts
        assert epoch.epoch == pytest.approx(epoch.step * 6 / 24)
        assert epoch.learning_rate == learning_rate(SHORT, epoch.step - 1, 10)
        assert epoch.loss.keys() == COUNTS.keys()
        assert all(0 < loss < 10 for loss in epoch.loss.values())
        assert tuple(epoch.parts) == PARTS
        assert all(0 < part < 10 for part in epoch.parts.values())
        mean = sum(epoch.loss[tag] * epoch.seen[tag] for tag in epoch.loss) / sum(epoch.seen.values())
        assert epoch.parts["loss"] == pytest.approx(mean)
        assert {tag: each.n for tag, each in epoch.held_out.items()} == {"de": 6, "en": 6}
        assert epoch.seconds > 0
        assert epoch.peak_memory_bytes > 2**20
    assert not learner.model.training


def test_losses_belong_to_the_languages_they_come_from(tmp_path):
    rows = make_rows({"de": 12, "th": 12})
    logits = rows.answers.logits.copy()
    logits[12:] *= 20  # the teacher is much surer in th, and disagrees
    _, trained = train(tmp_path, rows=replace(rows, answers=replace(rows.answers, logits=logits)))
    assert trained.epochs[0].loss["th"] > 2 * trained.epochs[0].loss["de"]


def test_the_loss_falls(tmp_path):
    config = changed(epochs=20, learning_rate=3e-3, dropout=0.0)
    rows = without_teacher(make_rows())
    _, trained = train(tmp_path, config, learner=make_learner(alpha=0.0), rows=rows, held_out=rows)
    assert trained.epochs[-1].parts["loss"] < 0.3 * trained.epochs[0].parts["loss"]
    assert trained.epochs[-1].mean == 1.0
    assert set(trained.epochs[-1].held_out) == set(languages_of(rows))


def test_a_language_without_a_turn_since_the_last_validation_has_no_loss(tmp_path):
    config = changed(epochs=1, batch_size=1, balance="proportional")
    _, trained = train(tmp_path, config, rows=make_rows({"de": 50, "th": 1}))
    assert trained.epochs[0].seen == {"de": 50, "th": 1}
    config = changed(epochs=0.1, batch_size=1, balance="traffic", traffic={"de": 0.99, "th": 0.01})
    _, trained = train(tmp_path / "few", config, rows=make_rows({"de": 50, "th": 1}))
    (epoch,) = trained.epochs
    assert epoch.step == 5
    assert epoch.loss.keys() == epoch.seen.keys()
    assert 0 not in epoch.seen.values()


@pytest.mark.parametrize(
    ("pattern", "frozen"),
    [
        ("embeddings", ("model.roberta.embeddings.",)),
        ("layer.0", ("model.roberta.encoder.layer.0.",)),
        ("LayerNorm", (".LayerNorm.",)),
    ],
)
def test_frozen_layers_stay_bit_for_bit_and_can_be_trained_afterwards(tmp_path, pattern, frozen):
    learner = make_learner()
    before = weights_of(learner)
    train(tmp_path, changed(freeze=(pattern,), weight_decay=0.1), learner=learner)
    stayed = {name for name, tensor in weights_of(learner).items() if torch.equal(tensor, before[name])}
    expected = {name for name, _ in learner.named_parameters() if any(part in name for part in frozen)}
    assert expected
    assert stayed == expected
    assert all(weight.requires_grad for weight in learner.parameters())


def test_what_was_frozen_before_stays_frozen(tmp_path):
    learner = make_learner()
    weight = learner.model.get_input_embeddings().weight
    weight.requires_grad = False
    before = weight.clone()
    train(tmp_path, changed(freeze=("classifier",)), learner=learner)
    assert torch.equal(weight, before)
    still = [name for name, each in learner.named_parameters() if not each.requires_grad]
    assert still == ["model.roberta.embeddings.word_embeddings.weight"]


def test_a_pattern_that_freezes_nothing_is_refused(tmp_path):
    with pytest.raises(RecipeError) as caught:
        train(tmp_path, changed(freeze=("embedings",)))
    assert caught.value.message == "freeze: 'embedings' matches no layer with weights."
    assert "embeddings" in caught.value.hint
    assert not any(tmp_path.iterdir())


def test_a_training_that_changes_nothing_is_refused(tmp_path):
    learner = make_learner()
    with pytest.raises(RecipeError, match="freeze: every layer with weights stays as it is"):
        train(tmp_path, changed(freeze=("*",)), learner=learner)
    assert all(weight.requires_grad for weight in learner.parameters())


@pytest.mark.parametrize("dropout", [None, 0.0, 0.4])
def test_dropout_is_set_for_the_training_alone(tmp_path, dropout):
    learner, met = make_learner(), set()
    layers = [layer for layer in learner.model.modules() if isinstance(layer, nn.Dropout)]
    layers[0].p = 0.25
    before = [layer.p for layer in layers]

    def look(step, steps):
        met.add(tuple(layer.p for layer in layers))

    train(tmp_path, changed(dropout=dropout), learner=learner, hook=look)
    assert met == {tuple(before) if dropout is None else (dropout,) * len(layers)}
    assert [layer.p for layer in layers] == before


def test_a_training_that_fails_gives_the_model_its_settings_back(tmp_path):
    learner = make_learner()

    def fail(step, steps):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, changed(freeze=("embeddings",), dropout=0.0), learner=learner, hook=fail)
    assert all(weight.requires_grad for weight in learner.parameters())
    assert {layer.p for layer in learner.model.modules() if isinstance(layer, nn.Dropout)} == {0.1}


@pytest.fixture
def norms(monkeypatch):
    """Length of the gradient of all weights together, at each step."""
    found = []
    step = torch.optim.AdamW.step

    def noted(self, *arguments, **options):
        weights = [weight for group in self.param_groups for weight in group["params"]]
        found.append(length([weight.grad for weight in weights]))
        return step(self, *arguments, **options)

    monkeypatch.setattr(torch.optim.AdamW, "step", noted)
    return found


def length(gradients):
    return torch.stack([gradient.norm() for gradient in gradients if gradient is not None]).norm().item()


def test_a_clipped_gradient_is_no_longer_than_it_may_be(tmp_path, norms):
    train(tmp_path / "free", changed(clip=None))
    free = list(norms)
    assert min(free) > 0.2
    norms.clear()
    train(tmp_path / "clipped", changed(clip=0.1))
    assert norms == pytest.approx([0.1] * len(free), rel=1e-3)
    norms.clear()
    train(tmp_path / "high", changed(clip=1e3))
    assert norms == pytest.approx(free, rel=1e-5)


@pytest.mark.parametrize("micro_batch", [None, 2])
def test_the_gradient_is_that_of_the_mean_loss_of_the_batch(tmp_path, norms, micro_batch):
    rows, learner = make_rows(), make_learner()
    train(tmp_path, changed(clip=None, dropout=0.0, micro_batch=micro_batch), rows=rows)
    first = make_schedule(rows.languages, 6, "uniform", seed=0).batch(0)
    learner.eval()(collate(rows, first, torch.device("cpu")))[:, 0].mean().backward()
    assert norms[0] == pytest.approx(length([weight.grad for weight in learner.parameters()]), rel=1e-4)


def test_biases_and_norms_do_not_decay(tmp_path):
    learner = make_learner()
    before = weights_of(learner)
    rows = make_rows()
    # No gradient at all is left: what still changes, decays.
    train(
        tmp_path,
        changed(weight_decay=0.5, clip=1e-30, warmup=0, schedule="constant", epochs=1),
        learner=learner,
        rows=rows,
    )
    for name, tensor in weights_of(learner).items():
        decay = (1 - 1e-3 * 0.5) ** 4 if tensor.ndim > 1 else 1.0
        assert torch.allclose(tensor, before[name] * decay, atol=1e-7), name


def test_progress_is_told_after_each_step(tmp_path):
    told = []
    train(tmp_path, tell=lambda done, steps, loss: told.append((done, steps, loss)))
    assert [each[:2] for each in told] == [(done, 8) for done in range(1, 9)]
    assert all(0 < loss < 10 for *_, loss in told)


def test_the_hook_is_called_before_each_step_with_weights_as_they_are(tmp_path):
    learner, met = make_learner(), []

    def hook(step, steps):
        met.append((step, steps, weights_of(learner)))

    train(tmp_path, learner=learner, hook=hook)
    assert [each[:2] for each in met] == [(step, 8) for step in range(8)]
    assert same(met[0][2], weights_of(make_learner()))
    assert not same(met[1][2], met[0][2])


# Right answers of 20 in two languages at each validation: worst is best at the third, the mean at the second.
RIGHT = ((8, 12), (7, 19), (10, 12), (10, 11), (9, 12), (8, 12), (12, 20))


@pytest.fixture
def planned(monkeypatch):
    """Validations with a known course."""
    course = iter(RIGHT)

    def check(model, held_out, device, rank=0, world=1):
        return np.asarray([[20.0, right, 1.0] for right in next(course)])

    monkeypatch.setattr(run, "check", check)


@pytest.mark.parametrize(
    ("watch", "patience", "stopped_at", "kept_step"),
    [("worst", 2, 20, 12), ("mean", 2, 16, 8), ("mean", 1, 12, 8), ("worst", 4, None, 28), ("worst", 3, 24, 12)],
)
def test_training_stops_early_and_takes_the_weights_of_the_best_validation(
    tmp_path, planned, watch, patience, stopped_at, kept_step
):
    learner, snapshots = make_learner(), {}

    def hook(step, steps):
        snapshots[step] = weights_of(learner)

    config = changed(epochs=7, patience=patience, watch=watch)
    _, trained = train(tmp_path, config, learner=learner, held_out=HELD, hook=hook)
    assert (trained.steps, trained.stopped_at, trained.kept_step) == (28, stopped_at, kept_step)
    assert [epoch.step for epoch in trained.epochs] == list(range(4, (stopped_at or 28) + 1, 4))
    if kept_step in snapshots:
        assert same(weights_of(learner), snapshots[kept_step])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["final.safetensors"]


def test_without_patience_the_last_weights_are_taken(tmp_path, planned):
    _, trained = train(tmp_path, changed(epochs=4), held_out=HELD)
    assert (trained.stopped_at, trained.kept_step) == (None, 16)


def test_the_best_weights_come_back_when_a_finished_training_is_asked_for_again(tmp_path, planned):
    config = changed(epochs=7, patience=2)
    first, trained = train(tmp_path, config, held_out=HELD)
    again, told = train(tmp_path, config, held_out=HELD, hook=lambda *_: pytest.fail("trained again"))
    assert told == trained
    assert same(weights_of(again), weights_of(first))


def test_without_held_out_examples_nothing_is_validated(tmp_path):
    _, trained = train(tmp_path, changed(validation=0, patience=None), held_out=None)
    assert len(trained.epochs) == 2
    assert all(epoch.held_out == {} and epoch.worst is None and epoch.mean is None for epoch in trained.epochs)


def test_a_loss_that_is_no_number_stops_the_training(tmp_path):
    learner = make_learner()

    def break_it(step, steps):
        if step == 5:
            with torch.no_grad():
                learner.model.classifier.out_proj.bias[0] = float("nan")

    with pytest.raises(TrainingError) as caught:
        train(tmp_path, learner=learner, hook=break_it)
    assert caught.value.message.startswith(
        "The loss is not finite (NaN or infinity) at step 6. Examples of that batch by language: de 2, en 2, th 2."
    )
    assert not (tmp_path / "final.safetensors").exists()


def test_one_answer_that_is_no_number_is_enough(tmp_path):
    rows = make_rows()
    rows.answers.logits[7] = np.inf
    with pytest.raises(TrainingError, match="is not finite"):
        train(tmp_path, rows=rows)


def test_a_loss_that_explodes_stops_the_training(tmp_path):
    learner = make_learner()

    def break_it(step, steps):
        if step == 24:
            with torch.no_grad():
                learner.model.classifier.out_proj.weight.mul_(1e6)

    with pytest.raises(TrainingError, match=r"The loss explodes: it averages .* at step 25\. .* de 2, en 2, th 2"):
        train(tmp_path, changed(epochs=7), learner=learner, hook=break_it)


def test_mixed_precision_trains_where_the_processor_has_it(tmp_path):
    config = changed(precision="bf16", dropout=0.0)
    with pytest.raises(RecipeError, match="bf16 needs BF16 arithmetic"):
        train(tmp_path / "without", config)
    mixed, trained = train(tmp_path / "mixed", config, isa=("avx512_bf16",))
    exact, expected = train(tmp_path / "exact", changed(dropout=0.0))
    assert {tensor.dtype for tensor in weights_of(mixed).values()} == {torch.float32}
    assert not same(weights_of(mixed), weights_of(exact))
    assert trained.epochs[-1].parts["loss"] == pytest.approx(expected.epochs[-1].parts["loss"], rel=0.05)
    batch = torch.tensor([[0, 5, 11, 2]])
    assert mixed.model(batch).logits.dtype is torch.float32


@pytest.mark.parametrize("family", ["bert", "distilbert"])
def test_other_families_are_trained_too(tmp_path, family):
    learner = make_learner(family)
    before = weights_of(learner)
    train(tmp_path, changed(freeze=("embeddings",)), learner=learner, held_out=HELD)
    changed_names = {name for name, tensor in weights_of(learner).items() if not torch.equal(tensor, before[name])}
    assert changed_names == {name for name, _ in learner.named_parameters() if ".embeddings." not in name}


@pytest.mark.parametrize(
    ("epochs", "batch_size", "examples", "steps"), [(3, 64, 640, 30), (0.001, 64, 10, 1), (1, 3, 10, 3), (2, 3, 10, 7)]
)
def test_the_number_of_steps(epochs, batch_size, examples, steps):
    assert total_steps(changed(epochs=epochs, batch_size=batch_size), examples) == steps
