"""The learning rate against its formula, the best validation, and losses that end a training."""

import math

import pytest
import torch

from leanglot.errors import TrainingError
from leanglot.results.training import Epoch, LanguageCheck
from leanglot.techniques.training import Training
from leanglot.train.course import LossWatch, best_of, check_finite, learning_rate, should_stop, watched

HIGHEST = 0.02


def curve(schedule, warmup, steps):
    config = Training(learning_rate=HIGHEST, schedule=schedule, warmup=warmup)
    return [learning_rate(config, step, steps) / HIGHEST for step in range(steps)]


def epoch(step=1, **right):
    return Epoch(
        step=step,
        epoch=1.0,
        learning_rate=0.1,
        seen={},
        loss={},
        parts={},
        held_out={tag: LanguageCheck(n=100, right=number, loss=1.0) for tag, number in right.items()},
        seconds=0.0,
        peak_memory_bytes=1,
    )


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
def test_the_rate_rises_in_equal_parts_to_its_highest(schedule):
    assert curve(schedule, 0.4, 10)[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_the_rate_then_falls_in_a_line_towards_zero():
    assert curve("linear", 0.4, 10)[4:] == pytest.approx([6 / 6, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])
    assert curve("linear", 0.0, 4) == pytest.approx([1.0, 0.75, 0.5, 0.25])


def test_the_rate_then_falls_as_half_a_cosine():
    done = [place / 6 for place in range(6)]
    assert curve("cosine", 0.4, 10)[4:] == pytest.approx([(1 + math.cos(math.pi * share)) / 2 for share in done])


def test_a_constant_rate_stays():
    assert curve("constant", 0.2, 10)[2:] == [1.0] * 8


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
@pytest.mark.parametrize("warmup", [0.0, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_every_step_learns_something_and_none_more_than_the_highest(schedule, warmup, steps):
    assert all(0 < rate <= 1 + 1e-12 for rate in curve(schedule, warmup, steps))


def test_the_worst_language_or_the_mean_is_watched():
    found = epoch(de=50, en=90, th=70)
    assert watched(Training(watch="worst"), found) == 0.5
    assert watched(Training(watch="mean"), found) == pytest.approx(0.7)
    assert watched(Training(watch="worst"), epoch()) is None
    assert watched(Training(watch="mean"), epoch()) is None


def test_the_best_validation_depends_on_what_is_watched():
    epochs = (epoch(de=50, en=60), epoch(de=40, en=90), epoch(de=55, en=60), epoch(de=55, en=60))
    assert best_of(Training(watch="worst"), epochs) == 2  # the first of two equals
    assert best_of(Training(watch="mean"), epochs) == 1
    assert best_of(Training(), ()) is None
    assert best_of(Training(), (epoch(),)) is None


def test_where_the_worst_language_stands_still_the_mean_and_then_the_loss_decide():
    def ended(right, loss):
        found = epoch(de=right, sw=60)
        return found.model_copy(
            update={"held_out": {tag: check.model_copy(update={"loss": loss}) for tag, check in found.held_out.items()}}
        )

    epochs = (ended(62, 1.0), ended(80, 0.9), ended(94, 0.8), ended(94, 0.7), ended(94, 0.9))
    config = Training(patience=2)
    assert best_of(config, epochs[:3]) == 2
    assert best_of(config, epochs) == 3
    assert not should_stop(config, epochs)


def test_training_stops_once_patience_is_over():
    epochs = tuple(epoch(de=right) for right in (50, 60, 60, 40, 70))
    config = Training(patience=2)
    assert [should_stop(config, epochs[:count]) for count in range(6)] == [False, False, False, False, True, False]
    assert not should_stop(Training(), epochs[:4])
    assert not should_stop(config, (epoch(),) * 5)


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_names_the_step_and_the_languages(loss):
    with pytest.raises(TrainingError) as caught:
        LossWatch().see(1233, loss, {"th": 2, "de": 14}, 3e-4)
    assert caught.value.message == (
        "The loss is not finite (NaN or infinity) at step 1,234. Examples of that batch by language: de 14, th 2. "
        "Learning rate 0.0003."
    )
    assert "Lower the learning rate" in caught.value.hint


def test_a_loss_that_explodes_is_noticed_and_one_high_loss_is_not():
    watch = LossWatch()
    for step in range(30):
        watch.see(step, 2.0, {"de": 1}, 0.1)
    watch.see(30, 100.0, {"de": 1}, 0.1)
    assert watch.average == pytest.approx(0.9 * 2 + 10)
    with pytest.raises(TrainingError, match=r"The loss explodes: it averages 20\.6, at first 2 at step 32"):
        watch.see(31, 100.0, {"de": 1}, 0.1)


def test_a_small_loss_may_grow_up_to_ten():
    watch = LossWatch()
    for step in range(20):
        watch.see(step, 0.01, {"de": 1}, 0.1)
    for step in range(20, 100):
        watch.see(step, 9.9, {"de": 1}, 0.1)
    assert len(watch.first) == 20


def test_losses_that_start_high_do_not_explode():
    watch = LossWatch()
    for step in range(50):
        watch.see(step, 500.0, {"de": 1}, 0.1)


def test_a_gradient_that_is_no_number_is_told_with_the_batch_s_languages():
    watch = LossWatch()
    watch.see_gradient(3, 12.5, {"de": 2}, 1e-3)
    with pytest.raises(TrainingError, match=r"gradient that is not finite .* at step 4. .*de 2, th 1") as caught:
        watch.see_gradient(3, float("nan"), {"th": 1, "de": 2}, 1e-3)
    assert "Lower the learning rate" in caught.value.hint


def test_a_held_out_loss_that_is_no_number_is_told_with_its_languages():
    watch = LossWatch()
    watch.see_held_out(10, {"de": 0.5})
    with pytest.raises(TrainingError, match=r"After step 10 the loss on held-out examples is not finite .* in th"):
        watch.see_held_out(10, {"de": 0.5, "th": float("inf")})


def test_weights_spoiled_by_the_last_step_are_refused():
    layer = torch.nn.Linear(2, 2)
    check_finite(layer)
    with torch.no_grad():
        layer.bias[0] = float("nan")
    with pytest.raises(TrainingError, match="the weights bias hold NaN"):
        check_finite(layer)


def test_an_explosion_is_seen_while_the_first_losses_are_gathered():
    watch = LossWatch()
    for step in range(6):
        watch.see(step, 1.0, {"de": 1}, 1e-3)
    with pytest.raises(TrainingError, match="explodes"):
        watch.see(6, 1e5, {"de": 1}, 1e-3)
