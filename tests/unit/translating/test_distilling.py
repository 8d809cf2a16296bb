"""A distilled student translates like its teacher, the same in every run, and a killed training goes on."""

from dataclasses import replace

import pytest
import torch

from leanglot.compress.seq2seq_pruning import prune_weights
from leanglot.errors import DataError, RecipeError
from leanglot.measure.translation_subject import translator_in_memory
from leanglot.models.seq2seq_structure import depths_of
from leanglot.models.translation_model import load_translation_model, save_translation_model
from leanglot.techniques import MagnitudePruning, SequenceDistillation
from leanglot.techniques.training import Training
from leanglot.train import run
from leanglot.translating import lessons
from leanglot.translating.distilling import distil_translations
from leanglot.translating.lessons import prepare, split
from tiny_translators import load_tiny, parallel

EXAMPLES = parallel()
FEW = EXAMPLES.subset(range(0, 96, 3))
SHORT = Training(epochs=2, batch_size=16, learning_rate=3e-3, validation=0.2)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """Knows most of the sentences."""
    return load_tiny(tmp_path_factory.mktemp("teacher") / "model", steps=150, width=32)


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def step_of(training=SHORT, **changes):
    return SequenceDistillation(**({"decoder": 1, "beam": 2, "training": training} | changes))


def weights(model):
    return {name: tensor.clone() for name, tensor in model.module.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def right(model):
    """Share of the sentences that come out as their references."""
    found = translator_in_memory(model, 1).translate(EXAMPLES.sources, pairs=EXAMPLES.pairs)
    return sum(each.text == wanted for each, wanted in zip(found, EXAMPLES.references, strict=True)) / len(EXAMPLES)


def test_a_student_with_a_shallow_decoder_learns_what_its_teacher_knows(teacher, tmp_path):
    before = weights(teacher)
    step = step_of(Training(epochs=40, batch_size=32, learning_rate=5e-3, validation=0))
    student, facts = distil_translations(teacher, teacher, step, EXAMPLES, tmp_path / "work")
    assert same(before, weights(teacher))
    assert depths_of(student.module) == {"encoder": 2, "decoder": 1}
    assert right(student) > 0.8 * right(teacher) > 0.6
    assert facts.epochs[-1].parts["loss"] < 0.2 * facts.epochs[0].parts["loss"]
    assert facts.examples == dict.fromkeys(["de→en", "en→de", "en→fr", "en→ru"], 24)
    assert student.training == (facts,)
    save_translation_model(student, tmp_path / "saved")
    assert right(load_translation_model(tmp_path / "saved")) == right(student)


def test_the_same_call_gives_the_same_bits_and_a_finished_training_is_taken_from_its_folder(teacher, tmp_path):
    one, first = distil_translations(teacher, teacher, step_of(hidden=0.5), FEW, tmp_path / "one")
    two, _ = distil_translations(teacher, teacher, step_of(hidden=0.5), FEW, tmp_path / "two")
    assert same(weights(one), weights(two))
    again, facts = distil_translations(teacher, teacher, step_of(hidden=0.5), FEW, tmp_path / "one")
    assert same(weights(one), weights(again))
    assert facts == first
    other, _ = distil_translations(teacher, teacher, step_of(SHORT.model_copy(update={"seed": 1})), FEW)
    assert not same(weights(one), weights(other))


def test_a_killed_training_goes_on_bit_for_bit(teacher, tmp_path, monkeypatch):
    whole, _ = distil_translations(teacher, teacher, step_of(), FEW, tmp_path / "whole")
    monkeypatch.setattr(run, "_WRITING_SHARE", 0)

    class KilledError(Exception):
        pass

    class Telling:
        def answered(self, done, total):
            pass

        def trained(self, done, total, loss):
            if done == 2:
                raise KilledError

    kept = run.Run.keep

    def keep_at_once(self):
        self.written = float("-inf")
        kept(self)

    monkeypatch.setattr(run.Run, "keep", keep_at_once)
    with pytest.raises(KilledError):
        distil_translations(teacher, teacher, step_of(), FEW, tmp_path / "cut", Telling())
    assert list((tmp_path / "cut").rglob("state.safetensors"))
    steps = []
    stepped = run.Run.step
    monkeypatch.setattr(run.Run, "step", lambda self, step: (steps.append(step), stepped(self, step)))
    resumed, _ = distil_translations(teacher, teacher, step_of(), FEW, tmp_path / "cut")
    assert steps[0] == 1
    assert same(weights(whole), weights(resumed))


def test_the_teachers_translations_are_made_once_and_a_missing_part_alone_again(teacher, tmp_path, monkeypatch):
    monkeypatch.setattr("leanglot.train.seq2seq_teacher._PART", 10)
    opened = []
    fast = lessons.fast_translator
    monkeypatch.setattr(lessons, "fast_translator", lambda *given: opened.append(1) or fast(*given))
    told = []
    first = prepare(teacher, teacher, step_of(), FEW, tmp_path, lambda done, total: told.append((done, total)))
    assert opened == [1]
    assert told[-1][0] == told[-1][1] == len(first.rows)
    again = prepare(teacher, teacher, step_of(), FEW, tmp_path)
    assert opened == [1]
    assert [ids.tolist() for ids in again.rows.targets] == [ids.tolist() for ids in first.rows.targets]
    part = sorted(tmp_path.rglob("0*.safetensors"))[1]
    part.write_bytes(part.read_bytes()[:40])
    third = prepare(teacher, teacher, step_of(), FEW, tmp_path)
    assert opened == [1, 1]
    assert [ids.tolist() for ids in third.rows.targets] == [ids.tolist() for ids in first.rows.targets]
    prepare(teacher, teacher, step_of(beam=1), FEW, tmp_path)
    assert opened == [1, 1, 1]


def test_targets_are_the_teachers_beam_output_the_references_or_both(teacher, tmp_path):
    def texts(targets, model=teacher):
        lesson = prepare(model, teacher, step_of(targets=targets), FEW, tmp_path / targets)
        return [teacher.target_tokenizer.decode(ids.tolist()) for ids in lesson.rows.targets]

    usable, held, _ = split(FEW, 0.2, 0)
    assert texts("references") == list(usable.references)
    decoding = replace(translator_in_memory(teacher, 1).decoding, beam=2)
    found = translator_in_memory(teacher, 1).translate(usable.sources, pairs=usable.pairs, decoding=decoding)
    assert texts("beam") == [each.text for each in found]
    assert sorted(texts("both")) == sorted([*texts("beam"), *texts("references")])
    assert not set(held.sources) & set(usable.sources)


def test_so_many_sentences_of_each_pair_are_learned_and_no_others_translated(teacher, tmp_path):
    counts = []
    step = step_of(targets="both", limit_per_pair=3)
    lesson = prepare(teacher, teacher, step, EXAMPLES, tmp_path, lambda done, total: counts.append((done, total)))
    assert lesson.examples == dict.fromkeys(["de→en", "en→de", "en→fr", "en→ru"], 3)
    assert counts[-1] == (12, 12)
    assert len(lesson.rows) == 24


def test_a_teacher_whose_translations_do_not_end_is_not_followed(tmp_path):
    untaught = load_tiny(tmp_path / "model")
    short = replace(untaught, facts=untaught.facts.model_copy(update={"max_target": 3}))
    with pytest.raises(DataError, match="No sentence is left"):
        prepare(short, untaught, step_of(targets="beam"), FEW, tmp_path / "work")
    lesson = prepare(short, untaught, step_of(targets="both"), FEW, tmp_path / "work")
    assert any("does not end" in note for note in lesson.notes)


def test_zeros_of_an_earlier_step_stay_zero(teacher):
    pruned = prune_weights(teacher, MagnitudePruning(sparsity=0.5)).model
    zeros = {
        name: tensor == 0 for name, tensor in pruned.module.named_parameters() if (tensor == 0).float().mean() > 0.2
    }
    assert zeros
    student, _ = distil_translations(teacher, pruned, step_of(decoder=None), FEW)
    after = dict(student.module.named_parameters())
    assert all(bool((after[name][mask] == 0).all()) for name, mask in zeros.items())
    assert not same(weights(student), weights(pruned))


def test_of_a_large_pair_a_bounded_number_is_held_out(monkeypatch):
    monkeypatch.setattr(lessons, "_MOST_HELD", 3)
    kept, held, notes = split(EXAMPLES, 0.5, 0)
    assert len(kept) + len(held) == len(EXAMPLES)
    assert {pair: len(places) for pair, places in held.by_pair().items()} == dict.fromkeys(
        sorted(set(EXAMPLES.pairs)), 3
    )
    assert notes == ()


def test_what_does_not_fit_is_refused_before_anything_is_trained(teacher, tmp_path):
    other = load_tiny(tmp_path / "other", "m2m_100")
    with pytest.raises(RecipeError, match="told its languages in another way"):
        distil_translations(other, teacher, step_of(), FEW)
    with pytest.raises(RecipeError, match="keep 9 layers"):
        distil_translations(teacher, teacher, step_of(decoder=9), FEW)
    with pytest.raises(DataError, match="no sentences to learn from"):
        distil_translations(teacher, teacher, step_of(), FEW.subset([]))
    one = FEW.subset([0])
    with pytest.raises(DataError, match="Early stopping needs"):
        distil_translations(teacher, teacher, step_of(SHORT.model_copy(update={"patience": 1})), one)


def test_a_teacher_of_other_tokens_can_still_be_followed_by_its_translations(teacher, tmp_path):
    other = load_tiny(tmp_path / "other", "m2m_100", steps=20)
    student, facts = distil_translations(other, teacher, step_of(word=0.0, targets="both"), FEW)
    assert "teacher" not in facts.epochs[-1].parts
    assert facts.examples.keys() <= set(FEW.pairs)
    assert not same(weights(student), weights(teacher))
