"""The demo: builds its model and data as any user would have them, and hands them to the pipeline."""

import json
from pathlib import Path
from typing import Final

from leanglot.cache import cache_folder
from leanglot.config import Columns, DataConfig, RunConfig, load_recipes
from leanglot.data.demo import demo_data, demo_log
from leanglot.data.examples import Examples
from leanglot.models.demo import ADAPTER, MAX_LENGTH, build_encoder, load_tokenizer, merge_adapter
from leanglot.models.text_classifier import TextClassifier, save_text_classifier
from leanglot.results.atomic import atomic_folder, write_text_atomically
from leanglot.results.checkpoints import key_of
from leanglot.results.folder import RunFolder
from leanglot.results.manifest import file_digest

NAME: Final = "multilingual-e5-small-intents"
_LAYOUT: Final = 1  # raise it when the model is built differently: the cached one is then built anew


def prepare_demo(out: Path, *, quick: bool = False, recipes: Path | None = None) -> RunConfig:
    """Build the demo's model folder and its labelled data, or take them from the cache.

    Args:
        out: The run folder; the data go to ``data/`` in it.
        quick: Judge fewer examples per language.
        recipes: A file of candidates to try in place of the usual ones.

    Raises:
        RunError: The run folder cannot be written, or holds something else.

    Returns:
        The config of the demo run: the same that ``leanglot optimize`` would get for them.
    """
    candidates = None if recipes is None else load_recipes(recipes)
    data = demo_data()
    RunFolder(out).create()
    config = RunConfig(
        model=str(demo_model()),
        data=DataConfig(path=write_demo_data(data.test, out / "data" / "test.jsonl"), columns=Columns(group="group")),
        calibration=DataConfig(path=write_demo_data(data.train, out / "data" / "train.jsonl")),
        corpus=DataConfig(path=write_demo_log(out / "data" / "log.jsonl")),
        output=out,
        training=DataConfig(path=out / "data" / "train.jsonl", columns=Columns(group="group")),
        limit_per_language=30 if quick else None,
    )
    return config if candidates is None else config.model_copy(update={"candidates": candidates})


def demo_model() -> Path:
    """The folder of the demo's classifier: an ordinary transformers model, built once and cached."""
    labels = tuple(json.loads((ADAPTER / "labels.json").read_text(encoding="utf-8")))
    key = key_of(_LAYOUT, labels, file_digest(ADAPTER / "adapter_model.safetensors"))
    target = cache_folder() / "demo-model" / key[:16] / NAME
    if target.is_dir():
        return target
    module = merge_adapter(build_encoder(labels), ADAPTER)
    tokenizer = load_tokenizer()
    model = TextClassifier(
        module=module,
        tokenizer=tokenizer.backend_tokenizer,
        labels=labels,
        max_length=MAX_LENGTH,
        pad_id=int(tokenizer.pad_token_id),
        source=key,
        name=NAME,
    )
    with atomic_folder(target) as folder:
        save_text_classifier(model, folder)
    return target


def write_demo_log(path: Path) -> Path:
    """Write the unlabelled sentences; returns the file."""
    rows = zip(*demo_log(), strict=True)
    lines = [json.dumps({"text": text, "language": language}, ensure_ascii=False) for text, language in rows]
    write_text_atomically(path, "\n".join(lines) + "\n")
    return path


def write_demo_data(part: Examples, path: Path) -> Path:
    """Write one part of the sentences in the form `leanglot optimize` reads; returns the file."""
    rows = zip(part.texts, part.labels, part.languages, part.groups or (), strict=True)
    lines = [
        json.dumps({"text": text, "label": label, "language": language, "group": group}, ensure_ascii=False)
        for text, label, language, group in rows
    ]
    write_text_atomically(path, "\n".join(lines) + "\n")
    return path
