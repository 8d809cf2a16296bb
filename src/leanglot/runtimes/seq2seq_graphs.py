"""Names of the graphs of an exported translation model, and of what goes into and comes out of them.

The encoder takes ``input_ids`` and ``attention_mask``, INT64 of (sentences, source tokens). It answers ``source_bias``
of (sentences, 1, 1, source tokens), 0 for tokens and very negative for padding, and per layer of the decoder
``cross_key.<n>`` of (sentences, heads, size, source tokens) and ``cross_value.<n>`` of (sentences, heads, source
tokens, size).

The decoder takes these, ``input_ids`` of (rows, tokens), where the rows of a sentence stand together and are as many
for each, per layer ``past_key.<n>`` and ``past_value.<n>`` of (rows, heads, earlier tokens, size), and ``count``, a
vector of one. It answers ``log_probabilities`` (rows, count) in descending order, ``tokens`` (rows, count), and per
layer ``present_key.<n>`` and ``present_value.<n>``, of all tokens.
"""

from typing import Final

ENCODER_NAME: Final = "encoder.onnx"
DECODER_NAME: Final = "decoder.onnx"
IDS: Final = "input_ids"
MASK: Final = "attention_mask"
SOURCE_BIAS: Final = "source_bias"
COUNT: Final = "count"
SCORES: Final = "log_probabilities"
TOKENS: Final = "tokens"


def cross_names(layer: int) -> tuple[str, str]:
    """What a layer of the decoder attends to: keys and values of the source."""
    return f"cross_key.{layer}", f"cross_value.{layer}"


def past_names(layer: int) -> tuple[str, str]:
    """Keys and values of earlier tokens, as the decoder takes them."""
    return f"past_key.{layer}", f"past_value.{layer}"


def present_names(layer: int) -> tuple[str, str]:
    """Keys and values of all tokens, as the decoder answers them."""
    return f"present_key.{layer}", f"present_value.{layer}"
