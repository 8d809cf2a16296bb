import pytest

from leanglot.decide.amounts import money


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1_700_000, "$", "$1,700,000"),
        (99.5, "$", "$99.50"),
        (0.052, "\N{EURO SIGN}", "\N{EURO SIGN}0.052"),
        (12, "EUR", "EUR 12.00"),
        (0, "$", "$0"),
        (-250, "$", "\N{MINUS SIGN}$250"),
        (0.0000123, "$", "$0.000012"),
    ],
)
def test_amounts(amount, currency, text):
    assert money(amount, currency) == text
