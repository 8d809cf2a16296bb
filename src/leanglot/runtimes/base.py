"""What every engine offers: token ids in, logits out."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

TokenIds = NDArray[np.int64]
Logits = NDArray[np.float32]


class Predictor(Protocol):
    """A loaded model on some engine."""

    def logits(self, input_ids: TokenIds, attention_mask: TokenIds) -> Logits:
        """Run one batch.

        Args:
            input_ids: Shape (batch, length).
            attention_mask: Shape (batch, length); 1 for tokens, 0 for padding.

        Returns:
            Shape (batch, labels), float32.
        """
        ...
