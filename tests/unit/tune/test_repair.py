"""The repair loop, on variants whose every layer's harm is known: what it puts back, and why it stops."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy.special import rel_entr, softmax

from leanglot.errors import DataError, ModelError
from leanglot.results.repairs import Repair
from leanglot.tune.divergence import Probes, reference_of
from leanglot.tune.repair import Budget, Judged, repair

TAGS = ("de", "sw", "th")
LABELS = 3
PER_LANGUAGE = 90
LAYERS = ("a", "b", "c", "d")


@dataclass(frozen=True)
class Harm:
    """What one cause takes from the right label's logit, in a share of a language's texts.

    Attributes:
        causes: Quantized layers that cause it; empty for a cause that is not quantization.
        any_of: Whether one of them is enough; else all of them must be quantized.
    """

    language: str
    causes: tuple[str, ...]
    amount: float = 5.0
    share: float = 0.5
    any_of: bool = True

    def acts(self, kept):
        return not self.causes or (any if self.any_of else all)(cause not in kept for cause in self.causes)


@dataclass(frozen=True)
class Toy:
    """Answers rows of (language, label, place of the text in 0 to 1 as percent) by arithmetic."""

    harms: tuple[Harm, ...] = ()
    kept: tuple[str, ...] = ()
    asked: list = field(default_factory=list)

    def logits(self, rows, batch_tokens=1024):
        self.asked.append([tuple(row) for row in rows])
        table = np.stack(rows)
        out = np.zeros((len(rows), LABELS), dtype=np.float32)
        right = out[np.arange(len(rows)), table[:, 1]]
        right += 3.0
        for harm in self.harms:
            if harm.acts(self.kept):
                hit = (table[:, 0] == TAGS.index(harm.language)) & (table[:, 2] < 100 * harm.share)
                right -= np.where(hit, harm.amount, 0.0)
        out[np.arange(len(rows)), table[:, 1]] = right
        return out


def rows_of(tags=TAGS, start=0):
    return [
        np.array([TAGS.index(tag), number % LABELS, (number * 37 + start) % 100])
        for tag in tags
        for number in range(PER_LANGUAGE)
    ]


def judged(**changes):
    rows = rows_of()
    values = {
        "rows": rows,
        "languages": [TAGS[row[0]] for row in rows],
        "expected": np.array([row[1] for row in rows]),
        "baseline": np.ones(len(rows), dtype=bool),
    }
    return Judged(**values | changes)


def probes_for(*tags):
    rows = rows_of(tags, start=1)
    return Probes(rows, [TAGS[row[0]] for row in rows])


def run(*harms, layers=LAYERS, probes=None, budget=None, **changes):
    probes = probes_for(*TAGS) if probes is None else probes
    return repair(lambda kept: Toy(harms, kept), layers, Toy(), judged(**changes), probes, budget)


def test_nothing_is_done_where_no_language_is_harmed():
    done = run()
    assert (done.ended, done.layers, done.ranking, done.steps) == ("not-needed", (), (), ())
    assert (done.judged, done.passes, done.unquantized) == (1, 1, None)
    assert done.reason.startswith("No language is proven harmed")
    assert done.notes == ()


def test_the_layer_that_hurts_is_found_and_put_back_alone():
    done = run(Harm("th", ("c",)), Harm("th", ("a",), amount=0.5))
    assert (done.ended, done.layers) == ("repaired", ("c",))
    assert (done.harmed_before, done.harmed_after) == (("th",), ())
    assert [scored.layer for scored in done.ranking][:2] == ["c", "a"]
    assert {scored.layer: scored.score for scored in done.ranking if scored.layer in "bd"} == {"b": 0.0, "d": 0.0}
    assert done.reason == "No longer harmed: th, with 1 of 4 quantized layers put back (c)."
    assert done.before["th"].verdict == "harmed"
    assert done.after["th"].verdict != "harmed"
    assert (done.before["th"].drop, done.after["th"].drop) == (pytest.approx(0.5, abs=0.05), 0.0)
    assert done.unquantized["th"].accuracy == 1.0


def test_the_scores_say_how_far_the_divergence_falls():
    done = run(Harm("th", ("c",)))
    (step,) = done.steps
    assert step.divergence == {"th": pytest.approx(0.0)}
    assert step.score == pytest.approx(done.divergence["th"]) == pytest.approx(done.ranking[0].languages["th"])
    assert (step.kept, step.harmed, step.outcomes.keys()) == (True, (), {"th"})


def test_layers_are_put_back_until_no_language_is_harmed():
    done = run(
        Harm("th", ("a",), amount=4.0), Harm("th", ("b",), amount=6.0, share=0.4), Harm("th", ("d",), amount=0.1)
    )
    assert (done.ended, done.layers) == ("repaired", ("b", "a"))
    assert [step.harmed for step in done.steps] == [("th",), ()]


def test_the_language_that_is_still_harmed_decides_what_comes_next():
    harms = (Harm("sw", ("a",), amount=9.0), Harm("sw", ("b",), amount=2.9), Harm("th", ("c",), amount=3.6))
    done = run(*harms)
    assert done.harmed_before == ("sw", "th")
    assert [scored.layer for scored in done.ranking][:3] == ["a", "b", "c"]
    assert done.layers == ("a", "c")
    assert [step.harmed for step in done.steps] == [("th",), ()]


def test_a_layer_that_helps_no_further_is_left_out_again():
    together = Harm("th", ("a", "b"), amount=8.0, any_of=False)
    done = run(together, Harm("th", ("c",), amount=5.0), budget=Budget(layers=2))
    assert [(step.layer, step.kept) for step in done.steps] == [("a", True), ("b", False), ("c", True)]
    assert (done.ended, done.layers) == ("repaired", ("a", "c"))
    left_out = done.steps[1]
    assert (left_out.harmed, left_out.outcomes) == (None, None)
    assert left_out.score > 0


def test_harm_without_any_quantization_is_not_repaired():
    done = run(Harm("th", ()), Harm("th", ("a",), amount=0.5))
    assert (done.ended, done.layers, done.ranking) == ("not-from-quantization", (), ())
    assert done.harmed_after == ("th",)
    assert done.unquantized["th"].verdict == "harmed"
    assert done.reason.startswith("Harmed even with the quantization of all 4 layers undone: th;")
    assert (done.judged, done.passes) == (2, 2)


def test_others_are_repaired_beside_a_language_that_cannot_be():
    done = run(Harm("sw", ()), Harm("th", ("b",)))
    assert (done.ended, done.layers) == ("not-from-quantization", ("b",))
    assert (done.harmed_before, done.harmed_after) == (("sw", "th"), ("sw",))
    assert done.divergence.keys() == {"th"}
    assert "No longer harmed: th" in done.reason
    assert "all 4 layers undone: sw" in done.reason


def test_repair_ends_where_no_single_layer_helps():
    done = run(Harm("th", ("a", "b")))
    assert (done.ended, done.layers, done.steps) == ("nothing-helps", (), ())
    assert {scored.score for scored in done.ranking} == {0.0}
    assert done.reason == (
        "Still harmed: th, with 0 of 4 quantized layers put back; no other layer brings the answers closer to the "
        "baseline's."
    )


def test_the_budget_of_layers_is_kept():
    harms = [Harm("th", (layer,), amount=4.0 + place) for place, layer in enumerate(LAYERS)]
    done = run(*harms, budget=Budget(layers=2))
    assert (done.ended, done.layers, done.harmed_after) == ("budget", ("d", "c"), ("th",))
    assert done.reason == "Still harmed when the budget was used up: th, with 2 of 4 quantized layers put back (d, c)."


def test_no_variant_is_started_after_the_time_is_up():
    done = run(Harm("th", ("a",)), budget=Budget(seconds=0.0))
    assert (done.ended, done.layers, done.ranking) == ("budget", (), ())
    assert done.passes == 2
    assert "The time was up after 0 of 4 layers had been tried alone." in done.notes


def test_a_language_that_repair_harms_is_not_passed_over():
    class Grudge:
        """Harms de as soon as any layer but all of them is kept."""

        def __init__(self, kept):
            harm = (Harm("de", ()),) if 0 < len(kept) < len(LAYERS) else ()
            self.toy = Toy((Harm("th", ("a",)), Harm("th", ("b",), amount=0.5), *harm), kept)

        def logits(self, rows, batch_tokens=1024):
            return self.toy.logits(rows)

    done = repair(Grudge, LAYERS, Toy(), judged(), probes_for(*TAGS))
    assert (done.ended, done.layers, done.harmed_after) == ("nothing-helps", ("a", "b"), ("de",))
    assert done.steps[0].harmed == ("de",)


def test_layers_are_ranked_on_texts_that_are_not_judged():
    seen = {}

    def make(kept):
        seen[kept] = Toy((Harm("th", ("b",)),), kept)
        return seen[kept]

    probes = probes_for(*TAGS)
    done = repair(make, LAYERS, Toy(), judged(), probes)
    wanted = [tuple(row) for row, tag in zip(probes.rows, probes.languages, strict=True) if tag == "th"]
    assert seen["a",].asked == seen["d",].asked == [wanted]
    assert len(done.notes) == 1
    assert done.notes[0].startswith("Judged 3 times on the same examples")


@pytest.mark.parametrize("probes", [None, probes_for("de")])
def test_ranking_on_the_judged_examples_is_told(probes):
    harms = (Harm("th", ("b",)),)
    done = repair(lambda kept: Toy(harms, kept), LAYERS, Toy(), judged(), probes)
    assert done.layers == ("b",)
    assert "layers were ranked on the judged examples themselves in th" in done.notes[0]


def test_every_pass_and_every_verdict_is_counted():
    passes = []
    harms = (Harm("th", ("a", "b"), any_of=False, amount=8.0), Harm("th", ("c",)))
    done = repair(
        lambda kept: Toy(harms, kept), LAYERS, Toy(), judged(), probes_for("th"), on_pass=lambda: passes.append(1)
    )
    assert done.passes == len(passes) == 2 + 4 + 3
    assert done.judged == 2 + 2
    assert done.seconds > 0


def test_groups_and_margin_reach_the_verdicts():
    harms = (Harm("th", ("a",), share=0.1),)
    assert run(*harms).harmed_before == ("th",)
    whole = [f"{row[0]}" for row in rows_of()]
    assert run(*harms, groups=whole).harmed_before == ()
    assert run(*harms, margin=0.4).harmed_before == ()


def test_the_record_survives_json():
    done = run(Harm("th", ("c",)), Harm("sw", ()))
    assert Repair.model_validate_json(done.model_dump_json()) == done
    assert (done.size_bytes_before, done.speedup_after) == (None, None)


def test_divergence_is_the_mean_kullback_leibler_divergence():
    probes = probes_for("sw", "th")
    harmed = Toy((Harm("th", ("a",), amount=2.0, share=0.3),))
    found = reference_of(Toy(), probes, 1024).divergences(harmed)
    p, q = (softmax(toy.logits(probes.rows).astype(float), axis=1) for toy in (Toy(), harmed))
    tags = np.array(probes.languages)
    assert found == {tag: pytest.approx(rel_entr(p, q).sum(axis=1)[tags == tag].mean()) for tag in ("sw", "th")}
    assert found["sw"] == 0.0 < found["th"]


def test_large_logits_do_not_overflow():
    class Sure:
        def logits(self, rows, batch_tokens=1024):
            return np.tile(np.array([[1e4, -1e4, 0.0]], dtype=np.float32), (len(rows), 1))

    found = reference_of(Sure(), probes_for("th"), 1024).divergences(Toy())
    assert np.isfinite(found["th"])


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_logits_that_are_not_finite_are_refused(broken):
    class Broken:
        def logits(self, rows, batch_tokens=1024):
            return np.full((len(rows), LABELS), broken, dtype=np.float32)

    with pytest.raises(ModelError, match="logits of 270 of 270 texts are not finite"):
        repair(lambda kept: Broken(), LAYERS, Toy(), judged())


def test_a_language_takes_at_most_so_many_probes_spread_over_all_of_them():
    probes = Probes([np.array([number]) for number in range(100)], ["th", "de"] * 50)
    assert [int(row[0]) for row in probes.of("th", 3)] == [0, 48, 98]
    assert len(probes.of("de", 50)) == 50
    assert probes.of("sw", 3) == []


def test_probes_without_a_language_each_are_refused():
    with pytest.raises(DataError, match="2 texts and 1 language tags"):
        Probes([np.array([1]), np.array([2])], ["th"])
