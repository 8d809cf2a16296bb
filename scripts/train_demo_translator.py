"""Trains the translation demo's model: a multilingual Marian over user-interface strings, seeded and resumable.

Run it as ``python scripts/train_demo_translator.py``; killed and started again, it goes on from its last checkpoint.

On Linux, ``MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=4294967296`` in the environment saves a sixth of
the time: a step allocates and frees the same hundreds of megabytes again and again.
"""

import argparse
import json
import math
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import nn
from torch.nn import functional
from transformers import MarianConfig, MarianMTModel, PreTrainedTokenizerFast

from leanglot.data.demo_strings import DIRECTIONS, demo_strings
from leanglot.data.parallel import ParallelExamples
from leanglot.languages import pair_tag
from leanglot.models.translation_model import FACTS_KEY, load_translation_model, save_translation_tokenizers
from leanglot.results.atomic import atomic_folder

EOS, UNK, PAD = "</s>", "<unk>", "<pad>"
LONGEST = 128


@dataclass(frozen=True)
class Plan:
    """Everything that shapes the model.

    Attributes:
        layers: Layers of the encoder, and of the decoder.
        width: Hidden width; the feed-forward layers are four times as wide.
        heads: Attention heads.
        pieces: Size of the shared vocabulary.
        steps: Optimizer steps.
        tokens: Target tokens per step, about.
        rate: Highest learning rate.
        warmup: Steps until it is reached; it then falls to zero along a cosine.
        exponent: A pair with n sentences is drawn in proportion to n to this power.
        smoothing: Label smoothing.
        precision: Type of the products: ``bf16`` is faster where the processor has it; weights stay in FP32.
        seed: Seed of weights, dropout and order.
    """

    layers: int = 4
    width: int = 256
    heads: int = 4
    pieces: int = 8_000
    steps: int = 3_500
    tokens: int = 2_000
    rate: float = 1e-3
    warmup: int = 400
    exponent: float = 0.6
    smoothing: float = 0.1
    precision: str = "bf16"
    seed: int = 8


@dataclass(frozen=True)
class Rows:
    """Tokenized sentences by pair: source ids, target ids."""

    by_pair: dict[str, list[tuple[list[int], list[int]]]]


def train_tokenizer(examples: ParallelExamples, pieces: int) -> Tokenizer:
    """A shared Unigram vocabulary (Kudo, 2018) with one token per target language in front of the source."""
    tags = sorted({target for _, target in DIRECTIONS})
    specials = [PAD, EOS, UNK, *(f">>{tag}<<" for tag in tags)]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    texts = sorted({*examples.sources, *examples.references})
    trainer = trainers.UnigramTrainer(
        vocab_size=pieces, special_tokens=specials, unk_token=UNK, show_progress=False, max_piece_length=12
    )
    tokenizer.train_from_iterator(texts, trainer, length=len(texts))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {EOS}", special_tokens=[(EOS, tokenizer.token_to_id(EOS))]
    )
    return tokenizer


def make_model(plan: Plan, tokenizer: Tokenizer) -> MarianMTModel:
    """The untrained model."""
    torch.manual_seed(plan.seed)
    pad, eos = (int(tokenizer.token_to_id(token) or 0) for token in (PAD, EOS))
    config = MarianConfig(
        vocab_size=tokenizer.get_vocab_size(),
        d_model=plan.width,
        encoder_layers=plan.layers,
        decoder_layers=plan.layers,
        encoder_attention_heads=plan.heads,
        decoder_attention_heads=plan.heads,
        encoder_ffn_dim=4 * plan.width,
        decoder_ffn_dim=4 * plan.width,
        max_position_embeddings=2 * LONGEST,
        activation_function="swish",
        dropout=0.1,
        attention_dropout=0.0,
        activation_dropout=0.0,
        scale_embedding=True,
        share_encoder_decoder_embeddings=True,
        pad_token_id=pad,
        eos_token_id=eos,
        decoder_start_token_id=pad,
        forced_eos_token_id=None,
    )
    model = MarianMTModel(config)
    # The fused attention of PyTorch spends 0.07 s a call on its backward pass here, more than all it saves.
    model.set_attn_implementation("eager")
    return model


def tokenize(examples: ParallelExamples, tokenizer: Tokenizer) -> Rows:
    """Source and target ids; sentences that are too long are left out."""
    prefixed = [f">>{tag}<< {text}" for tag, text in zip(examples.target_languages, examples.sources, strict=True)]
    sources = tokenizer.encode_batch(prefixed)
    targets = tokenizer.encode_batch(list(examples.references))
    rows: dict[str, list[tuple[list[int], list[int]]]] = defaultdict(list)
    for pair, source, target in zip(examples.pairs, sources, targets, strict=True):
        if max(len(source.ids), len(target.ids)) <= LONGEST:
            rows[pair].append((source.ids, target.ids))
    return Rows(dict(rows))


def batches(rows: Rows, plan: Plan, start: int) -> Iterator[list[tuple[list[int], list[int]]]]:
    """Pair-balanced batches of like length; the batch of a step depends on seed and step alone."""
    pairs = sorted(rows.by_pair)
    shares = [len(rows.by_pair[pair]) ** plan.exponent for pair in pairs]
    for step in range(start, plan.steps):
        chance = random.Random(f"{plan.seed}/{step}")
        drawn = [
            rows.by_pair[pair][chance.randrange(len(rows.by_pair[pair]))]
            for pair in chance.choices(pairs, shares, k=plan.tokens // 2)
        ]
        drawn.sort(key=lambda row: len(row[1]))
        # One window of like length out of a larger draw, longer ones as often as their tokens deserve.
        total = [0]
        for _, target in drawn:
            total.append(total[-1] + len(target))
        middle = chance.uniform(0, total[-1])
        first = last = next(place for place, sofar in enumerate(total[1:]) if sofar >= middle)
        while (last - first + 1) * len(drawn[last][1]) < plan.tokens and (first > 0 or last < len(drawn) - 1):
            first, last = max(0, first - 1), min(len(drawn) - 1, last + 1)
        yield drawn[first : last + 1]


def padded(rows: list[list[int]], pad: int) -> torch.Tensor:
    """Token ids as a matrix."""
    longest = max(map(len, rows))
    return torch.tensor([row + [pad] * (longest - len(row)) for row in rows])


def loss_of(model: MarianMTModel, batch: list[tuple[list[int], list[int]]], smoothing: float) -> torch.Tensor:
    """Mean cross-entropy per target token."""
    pad = int(model.config.pad_token_id or 0)
    sources, targets = padded([row[0] for row in batch], pad), padded([row[1] for row in batch], pad)
    given = functional.pad(targets[:, :-1], (1, 0), value=model.config.decoder_start_token_id)
    logits = model(input_ids=sources, attention_mask=torch.ne(sources, pad).long(), decoder_input_ids=given).logits
    return functional.cross_entropy(
        logits.flatten(0, 1).float(), targets.flatten(), ignore_index=pad, label_smoothing=smoothing
    )


def rate_at(step: int, plan: Plan) -> float:
    """Warm-up, then half a cosine."""
    if step < plan.warmup:
        return plan.rate * (step + 1) / plan.warmup
    return plan.rate * 0.5 * (1 + math.cos(math.pi * (step - plan.warmup) / max(1, plan.steps - plan.warmup)))


def save(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    """Weights and moments, replaced at once."""
    with atomic_folder(folder) as inside:
        moments = {
            f"{number}.{name}": value
            for number, state in optimizer.state_dict()["state"].items()
            for name, value in state.items()
        }
        save_file(dict(weights(model)), str(inside / "model.safetensors"))
        save_file(moments, str(inside / "moments.safetensors"))
        (inside / "step.json").write_text(json.dumps({"step": step}))


def weights(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Each parameter once."""
    for name, weight in model.named_parameters():
        yield name, weight.detach().contiguous()


def restore(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Go on from a checkpoint; returns the next step."""
    if not (folder / "step.json").is_file():
        return 0
    own = dict(model.named_parameters())
    for name, weight in load_file(str(folder / "model.safetensors")).items():
        own[name].data.copy_(weight)
    state: dict[int, dict[str, torch.Tensor]] = defaultdict(dict)
    for key, value in load_file(str(folder / "moments.safetensors")).items():
        number, name = key.split(".", 1)
        state[int(number)][name] = value
    optimizer.load_state_dict({"state": dict(state), "param_groups": optimizer.state_dict()["param_groups"]})
    return int(json.loads((folder / "step.json").read_text())["step"])


def validate(model: MarianMTModel, rows: Rows) -> dict[str, float]:
    """Cross-entropy per token in nats, by pair."""
    model.eval()
    found = {}
    with torch.inference_mode():
        for pair, own in sorted(rows.by_pair.items()):
            parts = [own[start : start + 64] for start in range(0, len(own), 64)]
            tokens = [sum(len(row[1]) for row in part) for part in parts]
            sums = [float(loss_of(model, part, 0.0)) * count for part, count in zip(parts, tokens, strict=True)]
            found[pair] = sum(sums) / sum(tokens)
    model.train()
    return found


def export(model: MarianMTModel, tokenizer: Tokenizer, folder: Path) -> None:
    """An ordinary transformers folder, weights in FP16, with the pairs that it was taught."""
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=EOS,
        unk_token=UNK,
        pad_token=PAD,
        model_max_length=LONGEST,
        additional_special_tokens=[f">>{tag}<<" for tag in sorted({target for _, target in DIRECTIONS})],
    )
    with atomic_folder(folder) as inside:
        model.half().save_pretrained(str(inside))
        model.float()
        fast.save_pretrained(str(inside))
        loaded = load_translation_model(inside, pairs=tuple(pair_tag(*pair) for pair in DIRECTIONS))
        save_translation_tokenizers(loaded, inside)
        config = json.loads((inside / "config.json").read_text(encoding="utf-8"))
        config[FACTS_KEY] = loaded.facts.model_dump(mode="json", exclude_defaults=True)
        (inside / "config.json").write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Train, checkpoint every few minutes, and write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/demo-translator"), help="where checkpoints are kept")
    parser.add_argument("--out", type=Path, default=Path("runs/demo-translator/model"), help="the finished model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--every", type=int, default=200, help="steps between checkpoints")
    for name, value in asdict(Plan()).items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    arguments = parser.parse_args()
    plan = Plan(**{name: getattr(arguments, name) for name in asdict(Plan())})
    torch.set_num_threads(arguments.threads)

    data = demo_strings()
    path = arguments.work / "tokenizer.json"
    if path.is_file():
        tokenizer = Tokenizer.from_file(str(path))
    else:
        tokenizer = train_tokenizer(data.train, plan.pieces)
        arguments.work.mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(path))
    rows, valid = tokenize(data.train, tokenizer), tokenize(data.valid, tokenizer)
    model = make_model(plan, tokenizer)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=plan.rate, betas=(0.9, 0.98), eps=1e-9, weight_decay=0.01, fused=True
    )
    start = restore(arguments.work / "checkpoint", model, optimizer)
    print(f"{sum(p.numel() for p in model.parameters()):,} weights, from step {start} of {plan.steps}", flush=True)

    model.train()
    began, tokens, losses = time.monotonic(), 0, []
    for step, batch in enumerate(batches(rows, plan, start), start):
        torch.manual_seed(
            plan.seed * 1_000_003 + step
        )  # dropout depends on the step alone, so that resuming repeats it
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, plan)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=plan.precision == "bf16"):
            loss = loss_of(model, batch, plan.smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
        tokens += sum(len(row[1]) for row in batch)
        if (step + 1) % 50 == 0:
            spent = time.monotonic() - began
            print(f"step {step + 1}: loss {sum(losses) / len(losses):.3f}, {tokens / spent:,.0f} tokens/s", flush=True)
            losses = []
        if (step + 1) % arguments.every == 0 or step + 1 == plan.steps:
            save(arguments.work / "checkpoint", model, optimizer, step + 1)
        if (step + 1) % (5 * arguments.every) == 0:
            found = validate(model, valid)
            print("valid", {pair: round(value, 3) for pair, value in found.items()}, flush=True)
    model.eval()
    export(model, tokenizer, arguments.out)
    print(f"Wrote {arguments.out}")


if __name__ == "__main__":
    main()
