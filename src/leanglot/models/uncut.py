"""A tokenizer as it is without the limits that a model sets."""

from tokenizers import Tokenizer


def uncut(state: str) -> Tokenizer:
    """A tokenizer, from its JSON, that neither truncates nor pads."""
    copy = Tokenizer.from_str(state)
    copy.no_truncation()
    copy.no_padding()
    return copy
