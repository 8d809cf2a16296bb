"""What the sampler is told of the recipes that were tried, and what it asks for."""

import pytest

from leanglot.errors import MissingExtraError
from leanglot.results.searching import Levels
from leanglot.searching import study
from leanglot.searching.recipes import Space
from leanglot.searching.study import objectives, suggest


def everything(_levels):
    return True


def test_harm_time_and_size_are_made_small(tried):
    assert objectives(tried(drop=0.01, harm=0.02, speedup=4.0, size=100), priced=False) == (0.03, 0.25, 100.0)


def test_a_gain_of_accuracy_is_no_merit_that_pays_for_harm(tried):
    assert objectives(tried(drop=-0.05, harm=0.02), priced=False)[0] == 0.02


def test_a_dropped_recipe_tells_what_its_part_showed(tried):
    dropped = tried(drop=0.3, harm=0.2, speedup=2.0, size=50, state="dropped", full=None)
    assert objectives(dropped, priced=False) == (0.5, 0.5, 50.0)
    assert objectives(dropped, priced=True) is None


@pytest.mark.parametrize("state", ["failed", "cut", "started"])
def test_what_did_not_come_to_an_end_tells_nothing(tried, state):
    assert objectives(tried(state=state), priced=False) is None


def test_a_price_is_the_fourth_objective_where_it_is_known(tried):
    known = tried()
    assert objectives(known, priced=True) is None
    priced = known.model_copy(update={"full": known.full.model_copy(update={"monthly_cost": 12.5})})
    assert objectives(priced, priced=True)[3] == 12.5
    assert len(objectives(priced, priced=False)) == 3


def test_the_sampler_asks_for_something_new_that_fits(space, tried):
    seen = [tried(Levels(scheme="int8-emb", ffn=ffn)) for ffn in (0, 20, 40)]
    done = {each.levels for each in seen}
    for _ in range(12):
        point = suggest(space, seen, lambda levels: levels not in done, seed=len(seen))
        assert point not in done
        assert space.holds(point)
        done.add(point)
        seen.append(tried(point, drop=0.001 * point.ffn, speedup=3 + point.ffn / 20, size=100 - point.ffn))
    assert len(done) == 15


def test_the_same_record_and_seed_ask_for_the_same(space, tried):
    seen = [tried(Levels(scheme="int8-emb", ffn=ffn), speedup=3 + ffn / 20) for ffn in (0, 20, 40, 60)]
    assert suggest(space, seen, everything, seed=3) == suggest(space, list(seen), everything, seed=3)


def test_it_learns_what_pays(space, tried):
    """Cutting neurons makes faster and smaller for nothing here; cutting heads harms."""
    seen = []
    for number in range(40):
        levels = Levels(scheme="int8-emb", vocabulary="used", ffn=20 * (number % 4), heads=10 * (number // 4 % 4))
        harm, gain = levels.heads / 100, levels.ffn / 20
        made = tried(levels, drop=harm, harm=harm, speedup=4 + gain, size=round(100 - 10 * gain))
        seen.append(made.model_copy(update={"full": made.full.model_copy(update={"harmed": int(levels.heads > 0)})}))
    asked = [suggest(space, seen, everything, seed=seed) for seed in range(30)]
    assert sum(point.heads for point in asked) / 30 < 8  # the mean of the levels is 15
    assert sum(point.ffn for point in asked) / 30 > 35  # that of these is 30


def test_where_the_sampler_only_repeats_itself_something_else_is_drawn(space, tried):
    last = Levels(scheme="int4-weights", vocabulary="frequent", layers=4, heads=30, ffn=60)
    seen = [tried(Levels(scheme="int8-emb", ffn=ffn)) for ffn in (0, 20, 40, 60)]
    assert suggest(space, seen, lambda levels: levels == last, seed=0) == last


def test_where_nothing_is_left_nothing_is_asked(space, tried):
    assert suggest(space, [tried()], lambda _levels: False, seed=0) is None


def test_a_space_of_one_point_needs_no_sampler(tried):
    assert suggest(Space(("fp32",)), [tried()], everything, seed=0) == Levels()


def test_trainings_and_points_of_another_space_teach_nothing(space, tried):
    strange = [tried(Levels(student=3, epochs=3)), tried(Levels(ffn=50)), tried(state="failed")]
    assert suggest(space, strange, everything, seed=1) == suggest(space, [], everything, seed=1)


def test_the_price_joins_the_objectives(space, tried):
    seen = []
    for ffn in (0, 20, 40, 60):
        made = tried(Levels(scheme="int8-emb", ffn=ffn))
        seen.append(made.model_copy(update={"full": made.full.model_copy(update={"monthly_cost": 100.0 - ffn})}))
    assert space.holds(suggest(space, seen, everything, seed=0, priced=True))


def test_levels_of_uneven_steps_are_sampled_too(tried):
    uneven = Space(("int8",), heads=(0, 20, 30, 50), depth=12)
    assert suggest(uneven, [tried(Levels(scheme="int8", heads=20))], everything, seed=0).heads in uneven.heads


def test_without_optuna_the_command_that_installs_it_is_told(monkeypatch):
    def missing(_module, extra):
        raise MissingExtraError("The package optuna is not installed.", f'pip install "leanglot[{extra}]"')

    monkeypatch.setattr(study, "require", missing)
    with pytest.raises(MissingExtraError, match=r"leanglot\[search\]"):
        study.require_optuna()
