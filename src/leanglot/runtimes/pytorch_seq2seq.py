"""Translates with PyTorch through transformers' own ``generate``: what its users run today."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from transformers import GenerationConfig, PreTrainedModel

from leanglot.models.translation_model import load_translation_module
from leanglot.quiet import quiet_transformers
from leanglot.results.manifest import Manifest
from leanglot.runtimes.seq2seq import Decoded, Decoding, SourceRow
from leanglot.runtimes.torch_threads import torch_threads


@dataclass(frozen=True, slots=True)
class TorchSeq2Seq:
    """A PyTorch module in evaluation mode, run with its own number of threads.

    Attributes:
        module: The transformers model.
        threads: Threads for one call.
        suppressed: Tokens that are never chosen; None leaves out the padding alone.
    """

    module: PreTrainedModel
    threads: int
    suppressed: tuple[int, ...] | None = None

    def generate(self, rows: Sequence[SourceRow], decoding: Decoding) -> list[Decoded]:
        """Translate the sources as one padded batch; see `Seq2SeqEngine`."""
        if not rows:
            return []
        ids, mask = _padded(rows, self._pad)
        starts = torch.tensor([row.start for row in rows])
        rule = _Rule(self._never)
        with torch_threads(self.threads), torch.inference_mode(), _settings(self.module), quiet_transformers():
            output = self.module.generate(  # type: ignore[operator]
                input_ids=ids,
                attention_mask=mask,
                decoder_input_ids=starts,
                generation_config=self._config(rows, decoding),
                logits_processor=[rule],
            )
        chosen = output.sequences[:, starts.shape[1] :].numpy()
        ends = [self._end_of(row) for row in chosen]
        if decoding.beam == 1:
            logs = np.stack([step.numpy() for step in rule.chosen], axis=1)
            sums = [float(row[: end + 1].sum()) for row, end in zip(logs, ends, strict=True)]
        else:
            steps = [min(end + 1, chosen.shape[1]) for end in ends]
            scores = output.sequences_scores.tolist()
            sums = [score * count**decoding.length_penalty for score, count in zip(scores, steps, strict=True)]
        return [
            Decoded(row[:end].astype(np.int64), total, finished=end < len(row))
            for row, end, total in zip(chosen, ends, sums, strict=True)
        ]

    @property
    def _pad(self) -> int:
        return int(self.module.config.pad_token_id or 0)

    @property
    def _end(self) -> int:
        found = self.module.config.eos_token_id
        return int(found[0] if isinstance(found, list) else found)

    @property
    def _never(self) -> tuple[int, ...]:
        if self.suppressed is not None:
            return self.suppressed
        return () if self._pad == self._end else (self._pad,)

    def _config(self, rows: Sequence[SourceRow], decoding: Decoding) -> GenerationConfig:
        count = decoding.max_tokens if decoding.forced is None else decoding.forced
        return GenerationConfig(
            max_new_tokens=count,
            min_new_tokens=decoding.forced,
            num_beams=decoding.beam,
            do_sample=False,
            early_stopping=False,
            length_penalty=decoding.length_penalty,
            use_cache=decoding.cache,
            pad_token_id=self._pad,
            eos_token_id=self._end,
            decoder_start_token_id=[row.start[0] for row in rows],  # one each, or transformers puts its own in front
            return_dict_in_generate=True,
            output_scores=decoding.beam > 1,
        )

    def _end_of(self, row: np.ndarray) -> int:
        """Where a translation's end token stands; its length without one."""
        found = np.flatnonzero(row == self._end)
        return int(found[0]) if len(found) else len(row)


@dataclass(slots=True)
class _Rule:
    """Takes the suppressed tokens out of each step's scores, and keeps the greedy choice's log probability.

    Attributes:
        never: Token ids.
        chosen: Per step, the log probability over the whole vocabulary of the best token that is left, shape (rows,).
    """

    never: tuple[int, ...]
    chosen: list[torch.Tensor] = field(default_factory=list)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002 - transformers names it
        total = scores.logsumexp(dim=-1)
        if self.never:
            scores = scores.index_fill(-1, torch.tensor(self.never), -torch.inf)
        self.chosen.append(scores.max(dim=-1).values - total)
        return scores


def open_engine(folder: Path, manifest: Manifest, threads: int) -> TorchSeq2Seq:
    """Load the artifact's weights; see the same function of the other engines.

    Raises:
        ModelError: The weights or their config are damaged.
    """
    never = None if manifest.translation is None else manifest.translation.suppressed
    return TorchSeq2Seq(load_translation_module(folder), threads, never)


def _padded(rows: Sequence[SourceRow], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(len(row) for row in rows)
    ids = torch.full((len(rows), longest), pad)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.from_numpy(row.ids)
        mask[place, : len(row)] = 1
    return ids, mask


@contextmanager
def _settings(module: PreTrainedModel) -> Iterator[None]:
    """Generation fills what it was not told from the model's own settings: have there be none for one call."""
    own = module.generation_config
    module.generation_config = GenerationConfig()
    try:
        yield
    finally:
        module.generation_config = own
