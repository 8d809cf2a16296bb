"""Learning rates of their own: by a parameter's name, in every step, without weight decay, and nowhere else."""

import gc

import pytest
import torch

from leanglot.data.schedule import make_schedule
from leanglot.train import run
from leanglot.train.course import learning_rate
from leanglot.train.loop import fit, total_steps
from leanglot.train.workplace import Workplace
from tiny_training import SHORT, make_learner, make_rows, weights_of

STILL = SHORT.model_validate(SHORT.model_dump() | {"dropout": 0.0, "validation": 0.0})


def fitted(folder, config=STILL, *, rates=None, hook=None, **place):
    learner, rows = make_learner(), make_rows()
    schedule = make_schedule(rows.languages, config.batch_size, config.balance, seed=config.seed)
    gc.freeze()
    try:
        fit(learner, rows, None, schedule, config, Workplace(folder, "key", **place), hook, rates)
    finally:
        gc.unfreeze()
    return learner


def changed(config=STILL, **settings):
    return config.model_validate(config.model_dump() | settings)


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def optimizers(monkeypatch):
    """The learning rate of each parameter's group, by the parameter, for each step."""
    met = []
    step = torch.optim.AdamW.step

    def noted(self, *arguments, **options):
        met.append({id(weight): group["lr"] for group in self.param_groups for weight in group["params"]})
        return step(self, *arguments, **options)

    monkeypatch.setattr(torch.optim.AdamW, "step", noted)
    return met


def test_the_factor_holds_in_every_step_for_parameters_of_that_name_alone(tmp_path, optimizers):
    learner = fitted(tmp_path, rates={"bias": 7.0})
    steps = total_steps(STILL, len(make_rows()))
    assert len(optimizers) == steps
    for step, rates in enumerate(optimizers):
        usual = learning_rate(STILL, step, steps)
        for name, weight in learner.named_parameters():
            assert rates[id(weight)] == (usual * 7.0 if name.endswith(".bias") else usual), name


def test_a_factor_of_one_and_a_name_that_nothing_has_change_nothing(tmp_path):
    plain = weights_of(fitted(tmp_path / "plain"))
    assert same(plain, weights_of(fitted(tmp_path / "one", rates={"bias": 1.0})))  # biases have no decay anyway
    assert same(plain, weights_of(fitted(tmp_path / "none", rates={"bia": 9.0, "classifier": 9.0})))
    assert not same(plain, weights_of(fitted(tmp_path / "seven", rates={"bias": 7.0})))


def test_several_factors_do_not_mix(tmp_path, optimizers):
    learner = fitted(tmp_path, rates={"weight": 0.5, "bias": 3.0})
    names = {id(weight): name.rpartition(".")[2] for name, weight in learner.named_parameters()}
    by_name = {(names[key], rate) for key, rate in optimizers[-1].items()}
    usual = learning_rate(STILL, len(optimizers) - 1, len(optimizers))
    assert by_name == {("weight", usual * 0.5), ("bias", usual * 3.0)}


def test_parameters_with_a_factor_do_not_decay(tmp_path):
    # No gradient at all is left: what still changes, decays.
    config = changed(weight_decay=0.5, clip=1e-30, warmup=0, schedule="constant", epochs=1)
    before = weights_of(make_learner())
    decayed = {
        name for name, tensor in weights_of(fitted(tmp_path / "a", config)).items() if gone(tensor, before[name])
    }
    assert {name.rpartition(".")[2] for name in decayed} == {"weight"}
    kept = weights_of(fitted(tmp_path / "b", config, rates={"weight": 1.0}))
    assert not any(gone(tensor, before[name]) for name, tensor in kept.items())


def gone(tensor, before):
    return not torch.allclose(tensor, before, rtol=0, atol=1e-5)


def test_frozen_parameters_with_a_factor_stay(tmp_path):
    before = weights_of(make_learner())
    learner = fitted(tmp_path, changed(freeze=("classifier",)), rates={"bias": 7.0})
    for name, tensor in weights_of(learner).items():
        assert torch.equal(tensor, before[name]) == ("classifier" in name), name


def test_a_training_that_was_cut_off_goes_on_with_its_factors(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "_WRITING_SHARE", 0)
    rates = {"bias": 7.0}
    unbroken = weights_of(fitted(tmp_path / "unbroken", rates=rates))

    def cut(step, steps, loss):
        if step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(tmp_path / "cut", rates=rates, tell=cut, seconds=0.0)
    left = []
    learner = fitted(tmp_path / "cut", rates=rates, hook=lambda step, steps: left.append(step), seconds=0.0)
    assert left == [4, 5, 6, 7]
    assert same(unbroken, weights_of(learner))
