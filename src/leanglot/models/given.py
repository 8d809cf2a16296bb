"""A text classifier from a module and a tokenizer that the caller has loaded; both stay as they are."""

from pathlib import Path

from tokenizers import Tokenizer
from transformers import PreTrainedModel

from leanglot.errors import ModelError
from leanglot.models.fit import check_fit, head_labels, longest_input
from leanglot.models.text_classifier import TextClassifier, sharing_copy


def text_classifier_of(module: object, tokenizer: object) -> TextClassifier:
    """Joins a transformers module and its tokenizer.

    Args:
        module: A sequence classifier of transformers, on the CPU. What answers is a copy of its structure around the
            same weights, in evaluation mode.
        tokenizer: Its fast tokenizer, of transformers or of the tokenizers library.

    Raises:
        ModelError: One of them is of another kind, the module is on another device, or they do not fit each other.
    """
    if not isinstance(module, PreTrainedModel):
        raise ModelError(
            f"The model is a {type(module).__name__}.",
            "Allowed are a sequence classifier of transformers with its tokenizer; or, with no tokenizer, what "
            "leanglot.load returns, or the path of an artifact or a model folder.",
        )
    if devices := {str(weight.device) for weight in module.parameters()} - {"cpu"}:
        raise ModelError(f"The model is on {', '.join(sorted(devices))}.", 'Move it first: model.to("cpu").')
    source = Path(str(getattr(module, "name_or_path", "") or type(module).__name__))
    fast = _fast(tokenizer)
    check_fit(source, module, fast)
    longest = longest_input(source, module, tokenizer)
    fast.no_padding()
    fast.enable_truncation(longest, direction=getattr(tokenizer, "truncation_side", "right"))
    pad_id = module.config.pad_token_id
    return TextClassifier(
        module=sharing_copy(module).eval(),
        tokenizer=fast,
        labels=head_labels(source, module),
        max_length=longest,
        pad_id=0 if pad_id is None else int(pad_id),
        source="",  # nothing was read from a disk
        name=source.name,
    )


def _fast(tokenizer: object) -> Tokenizer:
    """A copy of the fast tokenizer, to be set as is needed here."""
    backend = tokenizer if isinstance(tokenizer, Tokenizer) else getattr(tokenizer, "backend_tokenizer", None)
    if not isinstance(backend, Tokenizer):
        raise ModelError(
            f"The tokenizer is a {type(tokenizer).__name__}, which holds no fast tokenizer.",
            "Give the model's own: AutoTokenizer.from_pretrained(folder).",
        )
    return Tokenizer.from_str(backend.to_str())
