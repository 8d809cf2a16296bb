"""One pass of an encoder-decoder model over known targets, with logits for its real tokens alone."""

from dataclasses import dataclass
from typing import Any, Final, Protocol

from torch import Tensor, nn

NEVER: Final = -1e4  # instead of minus infinity, whose product with a probability of 0 is no number


class Sequences(Protocol):
    """What a pass needs of a batch; see `leanglot.train.seq2seq_rows.SequenceBatch`."""

    @property
    def input_ids(self) -> Tensor:
        """Shape (batch, source length)."""
        ...

    @property
    def attention_mask(self) -> Tensor:
        """Shape (batch, source length)."""
        ...

    @property
    def decoder_ids(self) -> Tensor:
        """Shape (batch, target length)."""
        ...

    @property
    def places(self) -> Tensor:
        """Flattened decoder positions that predict a token, shape (tokens,)."""
        ...


@dataclass(frozen=True, slots=True)
class States:
    """What both sides of a model make of a batch.

    Attributes:
        decoder: The decoder's output, shape (batch, target length, width).
        encoder_layers: After the embeddings and after each layer, each (batch, source length, width); empty where they
            were not asked for.
        decoder_layers: The same of the decoder.
    """

    decoder: Tensor
    encoder_layers: tuple[Tensor, ...] = ()
    decoder_layers: tuple[Tensor, ...] = ()


def states_of(model: nn.Module, batch: Sequences, *, layers: bool = False) -> States:
    """Run both sides of a model of transformers.

    Args:
        model: A Marian, M2M, mBART or T5 model with its language-modelling head.
        batch: Sources and the decoder's inputs.
        layers: Whether the states of all layers are kept.
    """
    own: Any = model
    encoded = own.get_encoder()(
        input_ids=batch.input_ids, attention_mask=batch.attention_mask, output_hidden_states=layers
    )
    decoded = own.get_decoder()(
        input_ids=batch.decoder_ids,
        encoder_hidden_states=encoded.last_hidden_state,
        encoder_attention_mask=batch.attention_mask,
        use_cache=False,
        output_hidden_states=layers,
    )
    if not layers:
        return States(decoded.last_hidden_state)
    return States(decoded.last_hidden_state, tuple(encoded.hidden_states), tuple(decoded.hidden_states))


def token_logits(model: nn.Module, decoder: Tensor, batch: Sequences) -> Tensor:
    """Logits at the positions that predict a token, as the model itself computes them, but none is minus infinity.

    Args:
        model: The model.
        decoder: Its decoder's output, shape (batch, target length, width).
        batch: Says which positions.

    Returns:
        Shape (tokens, pieces).
    """
    own: Any = model
    states = decoder.flatten(0, 1)[batch.places]
    if getattr(own.config, "scale_decoder_outputs", False):  # T5 with tied embeddings
        states = states * own.model_dim**-0.5
    logits: Tensor = own.lm_head(states)
    bias = getattr(own, "final_logits_bias", None)
    return logits if bias is None else logits + bias.clamp(min=NEVER)
