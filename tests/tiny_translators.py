"""Tiny translation models of every family, saved as plain transformers folders: made the same in every run.

``make_translator(folder, "marian")`` writes a model with weights drawn from a seed; with ``steps=150, width=32`` it
also learns to translate `sentences`. ``parallel()`` has the sentences as `ParallelExamples`.
"""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    M2M100Config,
    M2M100ForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
    MBartConfig,
    MBartForConditionalGeneration,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from leanglot.data.parallel import ParallelExamples
from leanglot.models.translation_model import TranslationModel, load_translation_model
from leanglot.quiet import quiet_transformers
from leanglot.results.manifest import Manifest
from leanglot.techniques import Runtime

FAMILIES = ("marian", "m2m_100", "mbart", "t5")
ALL_KINDS = (*FAMILIES, "marian-separate", "nllb")

_THINGS = {
    "en": ("lamp", "door", "window", "heater"),
    "de": ("Lampe", "Tür", "Fenster", "Heizung"),
    "fr": ("lampe", "porte", "fenêtre", "chauffage"),
    "ru": ("лампа", "дверь", "окно", "печь"),
}
_ROOMS = {
    "en": ("kitchen", "bath", "cellar"),
    "de": ("Küche", "Bad", "Keller"),
    "fr": ("cuisine", "bain", "cave"),
    "ru": ("кухня", "ванна", "подвал"),
}
_STATES = {"en": ("on", "off"), "de": ("an", "aus"), "fr": ("allumé", "éteint"), "ru": ("включён", "выключен")}
_FRAMES = {
    "en": "The {thing} in the {room} is {state}.",
    "de": "{room}: {thing} ist {state}.",
    "fr": "{thing} est {state} ({room}).",
    "ru": "{room} {thing}: {state}.",
}
PAIRS = (("en", "de"), ("en", "fr"), ("en", "ru"), ("de", "en"))
LANGUAGES = tuple(_FRAMES)

_CODES = {
    "m2m_100": {tag: f"__{tag}__" for tag in LANGUAGES},
    "mbart": {"en": "en_XX", "de": "de_DE", "fr": "fr_XX", "ru": "ru_RU"},
    "nllb": {"en": "eng_Latn", "de": "deu_Latn", "fr": "fra_Latn", "ru": "rus_Cyrl"},
    "marian": {tag: f">>{tag}<<" for tag in LANGUAGES},
    "marian-separate": {},
    "t5": {},
}
_NAMES = {"en": "English", "de": "German", "fr": "French", "ru": "Russian"}


def sentences(tag: str) -> tuple[str, ...]:
    """24 sentences, in the same order in every language."""
    choices = product(range(4), range(3), range(2))
    return tuple(
        _FRAMES[tag].format(thing=_THINGS[tag][thing], room=_ROOMS[tag][room], state=_STATES[tag][state])
        for thing, room, state in choices
    )


def parallel(pairs: Sequence[tuple[str, str]] = PAIRS) -> ParallelExamples:
    """All sentences of these pairs."""
    rows = [
        (*both, source, target)
        for source, target in pairs
        for both in zip(sentences(source), sentences(target), strict=True)
    ]
    columns = list(zip(*rows, strict=True))
    return ParallelExamples(*columns)


def make_translator(folder: Path, family: str = "marian", *, steps: int = 0, width: int = 16) -> Path:
    """Write a tiny model of a family; returns its folder.

    Args:
        folder: Is made.
        family: One of `ALL_KINDS`: ``marian-separate`` has a vocabulary per side, no language tokens and the pair
            ``en→de``; ``nllb`` is an M2M model with NLLB's codes.
        steps: Training steps; 150 learn most sentences in about two seconds with ``width=32``.
        width: Hidden width.
    """
    source, target = _tokenizers(family)
    module = _module(family, source, target, width)
    folder.mkdir(parents=True, exist_ok=True)
    _save(folder, family, module, source, target)
    if steps:
        from leanglot.models.translation_model import save_translation_model

        model = load_translation_model(folder)
        _teach(model, steps)
        save_translation_model(model, folder)
    return folder


def load_tiny(folder: Path, family: str = "marian", *, steps: int = 0, width: int = 16) -> TranslationModel:
    """Make a tiny model and load it."""
    return load_translation_model(make_translator(folder, family, steps=steps, width=width))


def manifest_of(model: TranslationModel, runtime: Runtime, model_file: str) -> Manifest:
    """The manifest of a tiny model's graphs for an engine."""
    return Manifest(
        task="translation", name="tiny", runtime=runtime, model_file=model_file, max_length=model.max_length,
        pad_id=model.pad_id, source=model.source, translation=model.facts,
    )  # fmt: skip


def pairs_of(family: str) -> tuple[tuple[str, str], ...]:
    """The pairs that a tiny model of a family may be asked for."""
    return PAIRS[:1] if family == "marian-separate" else PAIRS


def _tokenizers(family: str) -> tuple[Tokenizer, Tokenizer]:
    if family == "marian-separate":
        return _unigram(family, ("en",)), _unigram(family, ("de",))
    shared = _unigram(family, LANGUAGES)
    return shared, shared


def _unigram(family: str, tags: Sequence[str]) -> Tokenizer:
    """Characters, beginnings of words and whole words with the logarithm of their share: no luck in it."""
    counts: Counter[str] = Counter({"▁": 100})
    texts = [text for tag in tags for text in sentences(tag)]
    if family == "t5":
        texts += [f"translate {_NAMES[source]} to {_NAMES[target]}:" for source, target in PAIRS]
    for word in (f"▁{word}" for text in texts for word in text.split()):
        counts.update(word)
        counts.update({word: 2, word[: max(2, len(word) // 2)]: 1})
    total = sum(counts.values())
    specials = {"t5": ["<pad>", "</s>", "<unk>"], "marian": ["</s>", "<unk>"]}.get(
        family.split("-", maxsplit=1)[0], ["<s>", "<pad>", "</s>", "<unk>"]
    )
    pieces = [(name, 0.0) for name in specials]
    pieces += [
        (piece, math.log(count / total))
        for piece, count in sorted(counts.items(), key=lambda both: (-both[1], both[0]))
    ]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=specials.index("<unk>"), byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    last = ["<pad>"] if family.startswith("marian") else []
    special = [*specials, *_CODES[family].values(), *last]
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in special])
    tokenizer.post_processor = _template(family, tokenizer)
    return tokenizer


def _template(family: str, tokenizer: Tokenizer) -> Any:
    code = next(iter(_CODES[family].values()), None)
    single = {"mbart": f"$A </s> {code}", "nllb": f"{code} $A </s>", "m2m_100": f"{code} $A </s>"}.get(
        family, "$A </s>"
    )
    names = [name for name in single.split() if name != "$A"]
    return processors.TemplateProcessing(
        single=single, special_tokens=[(name, tokenizer.token_to_id(name)) for name in names]
    )


def _module(family: str, source: Tokenizer, target: Tokenizer, width: int) -> PreTrainedModel:
    torch.manual_seed(8)
    pad, eos = source.token_to_id("<pad>"), source.token_to_id("</s>")
    rows, target_rows = source.get_vocab_size(), target.get_vocab_size()
    if family == "t5":
        return T5ForConditionalGeneration(
            T5Config(
                vocab_size=rows, d_model=width, d_kv=width // 2, d_ff=2 * width, num_layers=2, num_heads=2,
                num_decoder_layers=2, relative_attention_num_buckets=8, dropout_rate=0.0, pad_token_id=pad,
                eos_token_id=eos, decoder_start_token_id=pad, tie_word_embeddings=True,
                task_specific_params=_t5_tasks(),
            )
        ).eval()  # fmt: skip
    shape: dict[str, Any] = {
        "vocab_size": rows, "d_model": width, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 2 * width, "decoder_ffn_dim": 2 * width, "dropout": 0.0,
        "max_position_embeddings": 64, "init_std": 0.1, "scale_embedding": True, "pad_token_id": pad,
        "eos_token_id": eos,
        "encoder_layerdrop": 0.0, "decoder_layerdrop": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0,
    }  # fmt: skip
    if family.startswith("marian"):
        separate = family == "marian-separate"
        pad = target.token_to_id("<pad>") if separate else pad
        more = {
            "decoder_vocab_size": target_rows,
            "share_encoder_decoder_embeddings": False,
            "tie_word_embeddings": False,
        }
        return MarianMTModel(
            MarianConfig(
                **shape | (more if separate else {}), decoder_start_token_id=pad, activation_function="swish",
                forced_eos_token_id=None, num_beams=1, max_length=48,
            )
        ).eval()  # fmt: skip
    if family == "mbart":
        return MBartForConditionalGeneration(
            MBartConfig(**shape, bos_token_id=0, decoder_start_token_id=None, forced_eos_token_id=eos)
        ).eval()
    return M2M100ForConditionalGeneration(M2M100Config(**shape, bos_token_id=0, decoder_start_token_id=eos)).eval()


def _t5_tasks() -> dict[str, dict[str, object]]:
    return {
        f"translation_{source}_to_{target}": {
            "early_stopping": True,
            "max_length": 48,
            "num_beams": 1,
            "prefix": f"translate {_NAMES[source]} to {_NAMES[target]}: ",
        }
        for source, target in PAIRS
    }


def _save(folder: Path, family: str, module: PreTrainedModel, source: Tokenizer, target: Tokenizer) -> None:
    names = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    settings = {"source_lang": "en", "target_lang": "de"} if family == "marian-separate" else {}
    with quiet_transformers():
        module.save_pretrained(folder)
        PreTrainedTokenizerFast(tokenizer_object=source, model_max_length=64, **names, **settings).save_pretrained(
            folder
        )
    if target is not source:
        target.save(str(folder / "target_tokenizer.json"))


def _teach(model: TranslationModel, steps: int) -> None:
    """Learn the sentences; dropout is off, so that the result depends on the seed alone."""
    from leanglot.runtimes.translation_text import TranslationText

    text = TranslationText(model.tokenizer, model.target_tokenizer, model.facts, model.max_length)
    pairs = PAIRS[:1] if model.facts.telling == "none" else PAIRS
    examples = parallel(pairs)
    sources = text.encode(examples.sources, examples.pairs).rows
    targets = text.encode_targets(examples.references)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    ids, mask = _padded([row.ids for row in sources], model.pad_id)
    labels, known = _padded(list(targets), model.pad_id)
    starts = torch.tensor([row.start for row in sources])
    given = torch.cat([starts, labels[:, :-1]], dim=1)
    kept = starts.shape[1] - 1
    optimizer = torch.optim.Adam(model.module.parameters(), lr=1e-2)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 * (1 - step / steps)
        logits = model.module(input_ids=ids, attention_mask=mask, decoder_input_ids=given).logits[:, kept:]
        loss = torch.nn.functional.cross_entropy(logits[known.bool()], labels[known.bool()])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.set_num_threads(threads)


def _padded(rows: Sequence[Any], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(len(row) for row in rows)
    ids = torch.tensor([[*map(int, row), *[pad] * (longest - len(row))] for row in rows])
    return ids, torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
