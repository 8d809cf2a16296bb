"""Tokenizers as their files give them back, which for a Unigram model need not be as they were made."""

from tokenizers import Tokenizer


def read_back(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer with the scores that every later reading of its tokenizer.json gives.

    The library writes all digits of a score, and reads one in seven back with an error of one unit in the last place.
    Two ways to split a word that weigh the same, as in a letter thrice, may then change places. Scores that were read
    once stay.
    """
    return Tokenizer.from_str(tokenizer.to_str())
