"""The translation demo: its model and its strings as any user would have them, handed to the pipeline."""

import json
from pathlib import Path
from typing import Final

from leanglot.config import Columns, DataConfig, RunConfig, load_recipes
from leanglot.config.settings import TRANSLATION_CANDIDATES
from leanglot.data.demo_strings import demo_strings
from leanglot.data.parallel import ParallelExamples
from leanglot.errors import ModelError
from leanglot.results.atomic import write_text_atomically
from leanglot.results.folder import RunFolder

MODEL: Final = Path(__file__).parents[1] / "models" / "demo_translator" / "marian-interface-strings"
_QUICK: Final = 40


def prepare_translation_demo(out: Path, *, quick: bool = False, recipes: Path | None = None) -> RunConfig:
    """Write the demo's parallel strings, or take them from the cache.

    Args:
        out: The run folder; the data go to ``data/`` in it.
        quick: Judge fewer strings per pair.
        recipes: A file of candidates to try in place of the usual ones.

    Returns:
        The config of the demo run: the same that ``leanglot optimize`` would get for them.

    Raises:
        ModelError: The strings cannot be downloaded.
        RunError: The run folder cannot be written, or holds something else.
    """
    candidates = TRANSLATION_CANDIDATES if recipes is None else load_recipes(recipes)
    if not MODEL.is_dir():
        raise ModelError(
            f"The translation demo's model is not in this installation: there is no {MODEL}.",
            "Train it with: python scripts/train_demo_translator.py",
        )
    data = demo_strings()
    RunFolder(out).create()
    grouped = Columns(group="group")
    return RunConfig(
        model=str(MODEL),
        task="translation",
        data=DataConfig(path=write_strings(data.test, out / "data" / "test.jsonl"), columns=grouped),
        training=DataConfig(path=write_strings(data.train, out / "data" / "train.jsonl"), columns=grouped),
        output=out,
        candidates=candidates,
        limit_per_language=_QUICK if quick else None,
    )


def write_strings(part: ParallelExamples, path: Path) -> Path:
    """Write one part of the strings in the form `leanglot optimize` reads; returns the file."""
    columns = (part.sources, part.references, part.source_languages, part.target_languages, part.groups or ())
    names = ("source", "target", "source_language", "target_language", "group")
    lines = [json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in zip(*columns, strict=True)]
    write_text_atomically(path, "\n".join(lines) + "\n")
    return path
