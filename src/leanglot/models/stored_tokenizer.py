"""A tokenizer as its file gives it back, which for a Unigram model need not be as it was made."""

from tokenizers import Tokenizer, models


def as_stored(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer with the scores that every later reading of its tokenizer.json gives.

    The library writes all digits of a score, and reads one in seven back with an error of one unit in the last place.
    Two ways to split a word that weigh the same, as in a letter thrice, may then change places. Scores that were read
    once stay: a model that is loaded with them is asked with the same tokens as its artifacts are.
    """
    return Tokenizer.from_str(tokenizer.to_str()) if isinstance(tokenizer.model, models.Unigram) else tokenizer
