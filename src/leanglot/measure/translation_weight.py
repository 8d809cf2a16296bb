"""What a translation artifact weighs on disk, where its bytes are, and how many linear weights are exactly zero."""

from pathlib import Path

from leanglot.measure.ledger import size_ledger
from leanglot.measure.seq2seq_ledger import matrix_sparsity, stored_weights
from leanglot.measure.weight import folder_size
from leanglot.models.text_classifier import linear_sparsity
from leanglot.results.measures import Weight
from leanglot.runtimes.pytorch_seq2seq import TorchSeq2Seq
from leanglot.runtimes.translator import Translator


def weigh_translator(folder: Path, translator: Translator) -> Weight:
    """Size of all files of an artifact, and what is known of its weights.

    Args:
        folder: The artifact's or model's folder.
        translator: The same, loaded.

    Returns:
        The sparsity is None where no zeros can be told, such as in 4 bits.
    """
    engine, manifest = translator.engine, translator.manifest
    return Weight(
        size_bytes=folder_size(folder),
        sparsity=linear_sparsity(engine.module)
        if isinstance(engine, TorchSeq2Seq)
        else matrix_sparsity(stored_weights(folder, manifest)),
        ledger=size_ledger(folder, manifest),
    )
