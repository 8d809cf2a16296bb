"""What is told of measured candidates, which is the best, and which the report shows."""

from leanglot.results.records import Candidate, LanguageResult
from leanglot.results.searching import Levels, SearchRecord
from leanglot.searching.choice import choose
from leanglot.searching.measured import best_of, best_words, found_words, full_result


def made(name, *, speed=4.0, size=100, drop=0.0, status="unrefuted", low=0.0, verdict="inconclusive"):
    result = LanguageResult(n=100, baseline=0.9, candidate=0.9 - drop, drop=drop, drop_low=low, verdict=verdict)
    return Candidate(
        name=name,
        runtime="onnxruntime",
        status=status,
        speedup=speed,
        size_bytes=size,
        accuracy=0.9 - drop,
        languages={"de": result},
    )


BASELINE = Candidate(
    name="base",
    runtime="pytorch",
    status="baseline",
    speedup=1.0,
    size_bytes=500,
    accuracy=0.9,
    languages={"de": LanguageResult(n=100, baseline=0.9, candidate=0.9)},
)


def test_the_numbers_come_from_the_record():
    full = full_result(made("a", drop=0.02, low=0.01, status="rejected", verdict="harmed"), BASELINE)
    assert (full.status, full.harmed, full.harm) == ("rejected", 1, 0.01)
    assert (full.worst_language, full.worst_verdict) == ("de", "harmed")
    assert full.worst_drop == 0.02
    assert (full.speedup, full.size_bytes) == (4.0, 100)
    assert full.monthly_cost is None


def test_a_missing_number_is_told():
    assert full_result(made("a", size=None), BASELINE) == "Its speed or size was not measured."
    without = made("a").model_copy(update={"accuracy": None})
    assert full_result(without, BASELINE) == "Its accuracy was not measured."
    assert full_result(made("a", status="failed"), BASELINE) == "Its speed or size was not measured."


def test_a_language_without_a_bound_proves_nothing():
    assert full_result(made("a", low=None), BASELINE).harm == 0.0
    unknown = made("a").model_copy(update={"languages": {}})
    assert full_result(unknown, BASELINE).worst_language is None


def test_the_best_is_fast_and_small_and_harms_nobody(tried):
    good = tried(Levels(scheme="int8"), speedup=5.0, size=100_000_000)
    lossy = tried(Levels(scheme="int8-emb"), drop=0.02, speedup=9.0, size=10)
    harmful = tried(Levels(ffn=20), speedup=9.0, size=10)
    harmful = harmful.model_copy(update={"full": harmful.full.model_copy(update={"status": "rejected"})})
    dropped = tried(Levels(ffn=40), speedup=9.0, size=10, state="dropped", full=None)
    assert best_of([good, lossy, harmful, dropped]) == good
    assert best_of([lossy, harmful]) is None
    record = SearchRecord(key="k", budget_s=1.0, max_drop=0.05, examples=9, tried=(good, lossy))
    assert best_words(record) == "int8 (5.00×, 100.0 MB)"
    assert best_words(record.model_copy(update={"tried": ()})) == "none yet"


def test_what_became_of_a_recipe_in_a_line(tried):
    assert found_words(tried(drop=0.004, speedup=7.0, size=34_400_000)) == "7.00×, 34.4 MB, −0.4 points, unrefuted"
    assert found_words(tried(state="dropped", full=None, reason="It is slower.")) == "It is slower"
    assert found_words(tried(state="cut", full=None)) == "cut"


def test_the_recommended_and_the_front_are_shown():
    records = [
        BASELINE,
        made("front", speed=8.0, size=50, drop=0.005),
        made("beaten", speed=6.0, size=60, drop=0.006),
        made("exact", speed=2.0, size=300),
    ]
    assert choose(records) == ("front", "exact")


def test_what_is_recommended_though_beaten_brings_what_beats_it():
    certified = made("certified", speed=3.0, size=100, drop=0.0, status="certified")
    beats = made("beats", speed=4.0, size=90, drop=0.0)
    assert choose([BASELINE, certified, beats], most=1) == ("certified", "beats")


def test_those_that_harm_nobody_come_first():
    harmful = made("harmful", speed=20.0, size=10, drop=0.03, status="rejected")
    kind = [made(f"kind{number}", speed=4.0 + number, size=100 + number) for number in range(5)]
    shown = choose([BASELINE, harmful, *kind], most=5)
    assert "harmful" not in shown
    assert "harmful" in choose([BASELINE, harmful, *kind])
