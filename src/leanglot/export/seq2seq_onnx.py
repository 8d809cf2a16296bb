"""Exports a translation model to two ONNX graphs that share their weights: encoder, and decoder with its cache."""

from pathlib import Path
from typing import Final

import numpy as np

from leanglot.errors import ModelError
from leanglot.export.graph_writer import BOOL, FLOAT, INT64, GraphWriter
from leanglot.export.seq2seq_anatomy import Anatomy, Attention, Layer, Norm, Side, take_apart
from leanglot.export.seq2seq_layers import (
    Past,
    cross_attention,
    cross_keys,
    embed,
    feed_forward,
    hide,
    norm,
    relative_bias,
    self_attention,
)
from leanglot.models.graph import save_graphs
from leanglot.models.translation_model import TranslationModel
from leanglot.runtimes.seq2seq_graphs import (
    COUNT,
    DECODER_NAME,
    ENCODER_NAME,
    IDS,
    MASK,
    SCORES,
    SOURCE_BIAS,
    TOKENS,
    cross_names,
    past_names,
    present_names,
)

_SENTENCES: Final = "sentences"
_ROWS: Final = "rows"
_SOURCE: Final = "source"


def export_seq2seq_onnx(model: TranslationModel, folder: Path) -> Path:
    """Write ``encoder.onnx``, ``decoder.onnx`` and the file of their weights into the folder.

    The encoder computes what the decoder attends to, once per sentence: the keys and values of each cross-attention.
    The decoder takes one or more tokens and what the earlier ones left, and answers the most probable next tokens with
    their log probabilities: a row of the vocabulary never leaves the graph. All beams of a sentence share its keys. A
    table that is also the output projection is stored once. `runtimes.seq2seq_graphs` has the inputs and outputs.

    Args:
        model: Left as it is.
        folder: An existing folder.

    Returns:
        The decoder's path.

    Raises:
        ModelError: The model is of a family, or has an activation, that is not known.
    """
    anatomy = take_apart(model.module)
    encoder, decoder = encoder_graph(anatomy), decoder_graph(anatomy)
    facts = {"family": model.facts.family, "vocabulary": str(len(anatomy.output))}
    graphs = {ENCODER_NAME: encoder.model(facts), DECODER_NAME: decoder.model(facts)}
    save_graphs(graphs, folder, encoder.weights | decoder.weights)
    return folder / DECODER_NAME


def encoder_graph(anatomy: Anatomy) -> GraphWriter:
    """The encoder, and the keys and values of the decoder's cross-attention."""
    graph, side = GraphWriter("encoder"), anatomy.encoder
    ids = graph.input(IDS, INT64, (_SENTENCES, _SOURCE))
    mask = graph.input(MASK, INT64, (_SENTENCES, _SOURCE))
    hidden = hide(graph, graph.op("Unsqueeze", graph.op("Cast", mask, to=BOOL), graph.ints(1, 2)))
    start, end = graph.ints(0), graph.dimension(ids, 1)
    masks = _masks(graph, side, hidden, (start, end, end))
    values = embed(graph, ids, side, start)
    for layer, added in zip(side.layers, masks, strict=True):
        read = _read(graph, side, layer.attention_norm, values)
        attended, _ = self_attention(graph, read, layer.attention, added)
        values = _feed(graph, side, layer, _joined(graph, side, layer.attention_norm, values, attended))
    if side.final_norm is not None:
        values = norm(graph, values, side.final_norm)
    graph.output(hidden, SOURCE_BIAS, FLOAT, (_SENTENCES, 1, 1, _SOURCE))
    for number, layer in enumerate(anatomy.decoder.layers):
        cross, _ = _cross(layer)
        kept = cross_keys(graph, values, cross)
        for value, name, shape in zip((kept.key, kept.value), cross_names(number), _cross_shapes(cross), strict=True):
            graph.output(value, name, FLOAT, shape)
    return graph


def decoder_graph(anatomy: Anatomy) -> GraphWriter:
    """The decoder's next tokens, from some tokens and what earlier ones left."""
    graph, side = GraphWriter("decoder"), anatomy.decoder
    ids = graph.input(IDS, INT64, (_ROWS, "step"))
    source_bias = graph.input(SOURCE_BIAS, FLOAT, (_SENTENCES, 1, 1, _SOURCE))
    count = graph.input(COUNT, INT64, (1,))
    sources, pasts = _decoder_inputs(graph, side)
    start = graph.dimension(pasts[0].key, 2)
    end = graph.op("Add", start, graph.dimension(ids, 1))
    queries = graph.op("Unsqueeze", graph.counting(start, end), graph.ints(1))
    seen = graph.op("LessOrEqual", graph.counting(graph.ints(0), end), queries)
    masks = _masks(graph, side, hide(graph, seen), (start, end, end))
    shapes = graph.dimension(source_bias, 0), graph.op("Shape", ids)
    values = embed(graph, ids, side, start)
    presents = []
    for layer, added, past, source in zip(side.layers, masks, pasts, sources, strict=True):
        read = _read(graph, side, layer.attention_norm, values)
        attended, present = self_attention(graph, read, layer.attention, added, past)
        presents.append(present)
        values = _joined(graph, side, layer.attention_norm, values, attended)
        part, cross_norm = _cross(layer)
        read = _read(graph, side, cross_norm, values)
        attended = cross_attention(graph, read, part, source, source_bias, shapes)
        values = _feed(graph, side, layer, _joined(graph, side, cross_norm, values, attended))
    _candidates(graph, anatomy, graph.op("Gather", values, graph.constant(np.asarray(-1)), axis=1), count)
    for number, (layer, present) in enumerate(zip(side.layers, presents, strict=True)):
        shapes_of_both = _self_shapes(layer.attention, "tokens_seen")
        for value, name, shape in zip((present.key, present.value), present_names(number), shapes_of_both, strict=True):
            graph.output(value, name, FLOAT, shape)
    return graph


def _decoder_inputs(graph: GraphWriter, side: Side) -> tuple[list[Past], list[Past]]:
    """Per layer, what of the source and of earlier tokens it attends to."""
    sources: list[Past] = []
    pasts: list[Past] = []
    for number, layer in enumerate(side.layers):
        (cross, _), own = _cross(layer), layer.attention
        for names, shapes, found in (
            (cross_names(number), _cross_shapes(cross), sources),
            (past_names(number), _self_shapes(own, "tokens_before"), pasts),
        ):
            inputs = [graph.input(name, FLOAT, shape) for name, shape in zip(names, shapes, strict=True)]
            found.append(Past(*inputs))
    return sources, pasts


def _candidates(graph: GraphWriter, anatomy: Anatomy, values: str, count: str) -> None:
    """The most probable next tokens, from the last hidden states of (rows, width)."""
    side = anatomy.decoder
    if side.final_norm is not None:
        values = norm(graph, values, side.final_norm)
    if anatomy.output_scale != 1.0:
        values = graph.op("Mul", values, graph.float(anatomy.output_scale))
    weight = graph.weight(anatomy.output_name, anatomy.output)
    inputs = [values, weight]
    if anatomy.output_bias is not None:
        inputs.append(graph.weight("lm_head.bias", anatomy.output_bias))
    logits = graph.op("Gemm", *inputs, name="lm_head/Gemm", transB=1)
    scores, tokens = graph.ops("TopK", 2, graph.op("LogSoftmax", logits, axis=-1), count, axis=-1)
    graph.output(scores, SCORES, FLOAT, (_ROWS, "candidates"))
    graph.output(tokens, TOKENS, INT64, (_ROWS, "candidates"))


def _masks(graph: GraphWriter, side: Side, hidden: str, span: tuple[str, str, str]) -> list[str]:
    """What each layer adds to its scores: `hidden`, and T5's bias of the queries from and to a position to the keys."""
    start, end, keys = span
    found: dict[str, str] = {}
    masks = []
    for layer in side.layers:
        if (bias := layer.attention.bias) is None:
            masks.append(hidden)
            continue
        if bias.name not in found:
            queries = graph.op("Unsqueeze", graph.counting(start, end), graph.ints(1))
            distances = graph.op("Sub", graph.counting(graph.ints(0), keys), queries)
            added = relative_bias(graph, bias, distances, both_ways=side.name == "encoder")
            found[bias.name] = graph.op("Add", added, hidden)
        masks.append(found[bias.name])
    return masks


def _feed(graph: GraphWriter, side: Side, layer: Layer, values: str) -> str:
    read = _read(graph, side, layer.feed_forward_norm, values)
    return _joined(graph, side, layer.feed_forward_norm, values, feed_forward(graph, read, layer.feed_forward))


def _read(graph: GraphWriter, side: Side, layer_norm: Norm, values: str) -> str:
    return norm(graph, values, layer_norm) if side.normed_before else values


def _joined(graph: GraphWriter, side: Side, layer_norm: Norm, before: str, added: str) -> str:
    total = graph.op("Add", before, added)
    return total if side.normed_before else norm(graph, total, layer_norm)


def _cross(layer: Layer) -> tuple[Attention, Norm]:
    if layer.cross is None or layer.cross_norm is None:
        raise ModelError("A layer of the decoder does not attend to the source.", "Load the model again.")
    return layer.cross, layer.cross_norm


def _cross_shapes(part: Attention) -> tuple[tuple[int | str, ...], tuple[int | str, ...]]:
    key, value = (len(each.weight) // part.heads for each in (part.key, part.value))
    return (_SENTENCES, part.heads, key, _SOURCE), (_SENTENCES, part.heads, _SOURCE, value)


def _self_shapes(part: Attention, tokens: str) -> tuple[tuple[int | str, ...], tuple[int | str, ...]]:
    key, value = (len(each.weight) // part.heads for each in (part.key, part.value))
    return (_ROWS, part.heads, tokens, key), (_ROWS, part.heads, tokens, value)
