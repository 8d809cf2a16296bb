"""The way of a candidate of several steps: which candidates show it."""

from leanglot.chains import with_steps
from leanglot.config import DEFAULT_CANDIDATES, CandidateConfig
from leanglot.techniques import HeadPruning, Int8, MagnitudePruning, TrimVocabulary

TRIM, HEADS, INT8 = TrimVocabulary(), HeadPruning(remove={0: (1,)}), Int8(embeddings=True)


def candidate(name: str, *recipe: object, runtime: str = "onnxruntime") -> CandidateConfig:
    return CandidateConfig(name=name, runtime=runtime, recipe=recipe)


def test_steps_that_lack_are_added_before_the_candidate():
    everything, chains = with_steps([candidate("small", TRIM, HEADS, INT8)])
    assert [each.name for each in everything] == ["small.0-export", "small.1-trim-vocabulary", "small.2-heads", "small"]
    assert [each.recipe for each in everything] == [(), (TRIM,), (TRIM, HEADS), (TRIM, HEADS, INT8)]
    assert chains == {"small": ("pytorch-fp32", *(each.name for each in everything))}


def test_candidates_that_were_asked_for_serve_as_steps():
    asked = [candidate("plain"), candidate("small", TRIM, INT8), candidate("trimmed", TRIM)]
    everything, chains = with_steps(asked)
    assert list(everything) == asked
    assert chains == {"small": ("pytorch-fp32", "plain", "trimmed", "small")}


def test_a_step_stands_in_several_ways():
    everything, chains = with_steps([candidate("a", TRIM, INT8), candidate("b", TRIM, HEADS)])
    assert [each.name for each in everything] == ["a.0-export", "a.1-trim-vocabulary", "a", "b"]
    assert chains["b"] == ("pytorch-fp32", "a.0-export", "a.1-trim-vocabulary", "b")


def test_on_pytorch_the_baseline_is_the_export():
    everything, chains = with_steps([candidate("small", TRIM, HEADS, runtime="pytorch")])
    assert chains == {"small": ("pytorch-fp32", "small.1-trim-vocabulary", "small")}
    assert len(everything) == 2


def test_another_engine_needs_its_own_steps():
    _, chains = with_steps([candidate("plain"), candidate("small", TRIM, INT8, runtime="pytorch")])
    assert "plain" not in chains["small"]


def test_single_steps_are_no_way():
    assert with_steps([candidate("int8", INT8)]) == ((candidate("int8", INT8),), {})


def test_the_usual_candidates_need_no_others():
    everything, chains = with_steps(DEFAULT_CANDIDATES)
    assert everything == DEFAULT_CANDIDATES
    assert chains["pruned-30-int8"] == ("pytorch-fp32", "onnx-fp32", "pruned-30", "pruned-30-int8")


def test_names_stay_free_and_short():
    long = "a" * 64
    asked = [
        candidate("x.0-export", MagnitudePruning(sparsity=0.1)),
        candidate("x", TRIM, INT8),
        candidate(long, HEADS, INT8),
    ]
    everything, chains = with_steps(asked)
    names = [each.name for each in everything]
    assert chains["x"][1] == "x.0-export-2"
    assert len({name.casefold() for name in names}) == len(names)
    assert all(len(name) <= 64 for name in names)
    assert all(CandidateConfig.model_validate(each.model_dump()) == each for each in everything)
