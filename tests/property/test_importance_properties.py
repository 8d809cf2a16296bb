"""What holds of the choice of units whatever their scores."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leanglot.decide.importance import choose, combine, floor_share

# Few values, so that ties are common.
values = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1e6))
model = st.lists(st.lists(values, min_size=1, max_size=24), min_size=1, max_size=5)
sparsities = st.floats(0, 1, exclude_max=True)
scopes = st.sampled_from(["global", "layer"])
multiples = st.integers(1, 9)


def arrays(layers):
    return [np.asarray(layer) for layer in layers]


@given(model, sparsities, st.integers(1, 4))
def test_exactly_the_share_goes_unless_layers_would_be_bare(layers, sparsity, least):
    kept = choose(arrays(layers), sparsity, keep_at_least=least)
    removable = sum(max(0, len(layer) - least) for layer in layers)
    asked = floor_share(sparsity, sum(map(len, layers)))
    assert sum(map(len, layers)) - sum(map(len, kept)) == min(asked, removable)
    assert all(len(some) >= min(least, len(layer)) for some, layer in zip(kept, layers, strict=True))


@given(model, sparsities, scopes, multiples)
def test_kept_counts_are_multiples_near_the_share(layers, sparsity, scope, multiple):
    kept = choose(arrays(layers), sparsity, scope, multiple=multiple)
    for some, layer in zip(kept, layers, strict=True):
        assert len(some) == len(layer) or (len(some) % multiple == 0 and len(some) > 0)
    groups = [(layers, kept)] if scope == "global" else [([a], [b]) for a, b in zip(layers, kept, strict=True)]
    for part, stay in groups:
        asked = floor_share(sparsity, sum(map(len, part)))
        removed = sum(map(len, part)) - sum(map(len, stay))
        most = sum(len(layer) - min(len(layer), multiple) for layer in part)
        assert removed <= asked
        assert removed > asked - multiple or removed == most


@given(model, sparsities, sparsities, scopes, multiples)
def test_what_goes_at_one_sparsity_goes_at_a_higher_one(layers, one, other, scope, multiple):
    low, high = sorted((one, other))
    more, fewer = (choose(arrays(layers), each, scope, multiple=multiple) for each in (low, high))
    assert all(set(few) <= set(many) for few, many in zip(fewer, more, strict=True))


@given(model, sparsities, scopes)
def test_in_a_layer_nothing_stays_that_matters_less_than_what_goes(layers, sparsity, scope):
    for layer, some in zip(layers, choose(arrays(layers), sparsity, scope), strict=True):
        gone = [score for unit, score in enumerate(layer) if unit not in some]
        assert list(some) == sorted(set(some))
        assert not gone or max(gone) <= min(layer[unit] for unit in some)


positive = st.floats(0.01, 1.0)


@given(st.lists(positive, min_size=2, max_size=6), st.integers(2, 5), st.floats(0.05, 0.9), sparsities)
def test_under_worst_a_unit_that_one_language_needs_outlives_one_of_the_same_mean(others, languages, need, sparsity):
    """Unit 0 matters to one language alone, unit 1 as much on average, but equally to all."""
    rest = np.asarray(others) / sum(others) / 2
    scores = {}
    for number in range(languages):
        pair = np.asarray([need if number == 0 else 0.0, need / languages])
        scores[f"l{number}"] = (pair, np.append(rest, 2 - pair.sum() - rest.sum()))
    worst, mean = combine(scores, "worst"), combine(scores, "mean")
    assert np.isclose(mean[0][0], mean[0][1])
    kept = choose(worst, sparsity)
    assert 0 in kept[0]
    assert worst[0][0] > worst[0][1]


@given(st.lists(st.lists(st.lists(positive, min_size=3, max_size=3), min_size=2, max_size=2), min_size=1, max_size=5))
def test_worst_is_at_least_the_mean_and_any_language_and_scale_means_nothing(numbers):
    by_language = {f"l{place}": tuple(map(np.asarray, layers)) for place, layers in enumerate(numbers)}
    scaled = {tag: tuple(layer * 1000 for layer in layers) for tag, layers in by_language.items()}
    worst, mean = (np.concatenate(combine(by_language, how)) for how in ("worst", "mean"))
    assert (worst >= mean - 1e-12).all()
    assert np.isclose(mean.sum(), 1)
    assert np.allclose(worst, np.concatenate(combine(scaled, "worst")))
