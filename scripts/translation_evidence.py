"""Distils the translation demo's model into a small student and searches the limits; killed, it goes on where it was.

Run it as ``python scripts/translation_evidence.py distil`` and ``python scripts/translation_evidence.py limits``. Both
write to ``runs/translation-evidence``. The teacher's translations, then each step's rate, show how long it will take.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from leanglot.data.demo_strings import StringData, demo_strings
from leanglot.data.parallel import ParallelExamples
from leanglot.data.parallel_reading import sample_per_pair
from leanglot.measure.translation_quality import pair_quality, score_translations
from leanglot.models.translation_model import TranslationModel, load_translation_model, save_translation_model
from leanglot.results.atomic import atomic_folder, write_text_atomically
from leanglot.runtimes.seq2seq import Decoding
from leanglot.techniques import SequenceDistillation
from leanglot.techniques.training import Training
from leanglot.translating.distilling import distil_translations
from leanglot.translating.lessons import fast_translator
from leanglot.translating.limits import LimitPlan, search_limits
from leanglot.tune.translation_limits import LimitRule


@dataclass
class Shown:
    """Prints how the making goes, some lines a minute.

    Attributes:
        seconds: Least time between two lines.
    """

    seconds: float = 15.0

    def __post_init__(self) -> None:
        self._last, self._started = 0.0, time.monotonic()

    def answered(self, done: int, total: int) -> None:
        """So many sentences are translated by the teacher."""
        self._line(f"teacher {done:,} of {total:,}", last=done == total)

    def trained(self, done: int, total: int, loss: float) -> None:
        """So many steps are done."""
        self._line(f"step {done:,} of {total:,}: loss {loss:.3f}", last=done == total)

    def _line(self, text: str, *, last: bool) -> None:
        now = time.monotonic()
        if last or now - self._last >= self.seconds:
            self._last = now
            print(f"{now - self._started:7.0f} s  {text}", flush=True)


def distil(teacher: TranslationModel, data: StringData, arguments: argparse.Namespace) -> None:
    """Train the student, write it, and compare both on the test strings."""
    sentences = data.train if arguments.limit is None else sample_per_pair(data.train, arguments.limit, arguments.seed)
    step = SequenceDistillation(
        encoder=arguments.encoder,
        decoder=arguments.decoder,
        targets=arguments.targets,
        beam=arguments.beam,
        word=arguments.word,
        training=Training(
            epochs=arguments.epochs,
            batch_size=arguments.batch,
            learning_rate=arguments.rate,
            schedule="cosine",
            warmup=0.05,
            dropout=0.0,
            balance="temperature",
            temperature=2.0,
            precision=arguments.precision,
            validation=0.01,
            seed=arguments.seed,
        ),
    )
    student, facts = distil_translations(teacher, teacher, step, sentences, arguments.out / "work", Shown())
    with atomic_folder(arguments.out / "student") as inside:
        save_translation_model(student, inside)
    judged = _judged(data, arguments)
    scores = {name: _scores(model, judged) for name, model in (("teacher", teacher), ("student", student))}
    record = {"step": step.model_dump(mode="json"), "training": facts.model_dump(mode="json"), "scores": scores}
    write_text_atomically(arguments.out / "distilled.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    for pair, before in scores["teacher"].items():
        after = scores["student"][pair]
        told = "  ".join(f"{name} {100 * before[name]:.2f} -> {100 * after[name]:.2f}" for name in ("bleu", "chrf"))
        print(f"{pair}  {told}")


def _judged(data: StringData, arguments: argparse.Namespace) -> ParallelExamples:
    """The test strings, or some of each pair."""
    return data.test if arguments.judged is None else sample_per_pair(data.test, arguments.judged, arguments.seed)


def _scores(model: TranslationModel, judged: ParallelExamples) -> dict[str, dict[str, float]]:
    """BLEU and chrF of greedy translations, by pair."""
    with tempfile.TemporaryDirectory() as scratch:
        inside = Path(scratch)
        translator = fast_translator(model, inside)
        rows = translator.text.encode(judged.sources, judged.pairs).rows
        decoded = translator.generate(rows, 4096, None, Decoding(max_tokens=model.facts.max_target))
    texts = [translator.text.decode(each.ids) for each in decoded]
    found = pair_quality(score_translations(judged, texts, decoded), copying=False)
    return {pair: {"bleu": each.bleu or 0.0, "chrf": each.chrf or 0.0} for pair, each in found.items()}


def limits(model: TranslationModel, data: StringData, arguments: argparse.Namespace) -> None:
    """Search the highest sparsity and the shallowest decoder, and print what was found."""
    plan = LimitPlan(rule=LimitRule(seed=arguments.seed))
    found = search_limits(
        model, _judged(data, arguments), arguments.out / "limits", plan, lambda text: print(text, flush=True)
    )
    for limit in found.limits:
        print(f"{limit.kind}: {limit.reason}")


def main(given: Sequence[str] | None = None) -> None:
    """Do what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["distil", "limits"])
    parser.add_argument("--model", type=Path, default=Path("runs/demo-translator/model"), help="the trained model")
    parser.add_argument("--out", type=Path, default=Path("runs/translation-evidence"))
    parser.add_argument("--limit", type=int, help="most sentences per pair to train on; all by default")
    parser.add_argument("--judged", type=int, help="most test sentences per pair; all by default")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--encoder", type=int)
    parser.add_argument("--decoder", type=int, default=2)
    parser.add_argument("--targets", choices=["beam", "references", "both"], default="both")
    parser.add_argument("--beam", type=int, default=4)
    parser.add_argument("--word", type=float, default=0.5)
    parser.add_argument("--epochs", type=float, default=0.5)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(given)
    torch.set_num_threads(arguments.threads)
    model, data = load_translation_model(arguments.model), demo_strings()
    {"distil": distil, "limits": limits}[arguments.what](model, data, arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
