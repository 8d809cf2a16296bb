"""The search for the limits of a real model: probes are cut, judged, kept and gone on with."""

import pytest
import torch

from leanglot.errors import ConfigError
from leanglot.results.translation_limits import TranslationLimits
from leanglot.techniques import SequenceDistillation
from leanglot.techniques.training import Training
from leanglot.translating import limits
from leanglot.translating.limits import LimitPlan, search_limits
from leanglot.tune.translation_limits import LimitRule
from tiny_translators import load_tiny, parallel

EXAMPLES = parallel()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load_tiny(tmp_path_factory.mktemp("model") / "model", steps=150, width=32)
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(limits, "_SPARSITIES", (0.05, 0.5, 0.95))


def test_the_furthest_sparsity_and_the_shallowest_decoder_are_found(model, tmp_path):
    told = []
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    found = search_limits(model, EXAMPLES, tmp_path, LimitPlan(rule=LimitRule(max_drop=0.05)), told.append)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.module.state_dict().items())
    magnitude, layers = found.limits
    assert magnitude.level in {0.05, 0.5}
    assert next(probe for probe in magnitude.probes if not probe.within).drop > 0.05
    assert [probe.level for probe in layers.probes] == [1.0]
    assert layers.level is None  # untrained, a decoder cut in half is lost
    assert layers.probes[0].actual == 0.5
    assert found.examples == dict.fromkeys(["de→en", "en→de", "en→fr", "en→ru"], 24)
    assert all(probe.actual == pytest.approx(probe.level, abs=0.01) for probe in magnitude.probes)
    assert TranslationLimits.model_validate_json((tmp_path / "limits.json").read_text("utf-8")) == found
    assert len(told) == len(magnitude.probes) + len(layers.probes)
    assert not (tmp_path / "engine").exists()


def test_a_search_goes_on_with_the_probes_it_kept(model, tmp_path, monkeypatch):
    plan = LimitPlan(kinds=("magnitude",))
    first = search_limits(model, EXAMPLES, tmp_path, plan)
    made = []
    cut = limits.prune_weights
    monkeypatch.setattr(limits, "prune_weights", lambda *given: made.append(given[1].sparsity) or cut(*given))
    assert search_limits(model, EXAMPLES, tmp_path, plan) == first
    assert made == []
    (tmp_path / "probe-magnitude-0.5.json").write_text("{", "utf-8")
    again = search_limits(model, EXAMPLES, tmp_path, plan)
    assert made == [0.5]
    assert again.limits[0].level == first.limits[0].level
    search_limits(model, EXAMPLES, tmp_path, LimitPlan(kinds=("magnitude",), rule=LimitRule(metric="chrf")))
    assert len(made) > 1


def test_a_probe_that_is_trained_again_loses_less(model, tmp_path):
    step = SequenceDistillation(
        targets="references", training=Training(epochs=30, batch_size=32, learning_rate=5e-3, validation=0)
    )
    plain = search_limits(model, EXAMPLES, tmp_path / "plain", LimitPlan(kinds=("decoder-layers",)))
    plan = LimitPlan(kinds=("decoder-layers",), training=EXAMPLES, step=step)
    trained = search_limits(model, EXAMPLES, tmp_path / "trained", plan)
    (one,), (two,) = plain.limits[0].probes, trained.limits[0].probes
    assert two.drop < 0.5 * one.drop
    assert (plain.limits[0].trained, trained.limits[0].trained) == (False, True)


def test_what_cannot_be_searched_is_named():
    with pytest.raises(ConfigError, match="heads cannot be searched"):
        LimitPlan(kinds=("magnitude", "heads"))
    with pytest.raises(ConfigError, match="Nothing cannot be searched"):
        LimitPlan(kinds=())
