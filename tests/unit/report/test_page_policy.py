import json
import re
from base64 import b64encode
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from leanglot.report.page_policy import content_policy, data_block


class Told(BaseModel):
    text: str
    number: float = 0.0


@given(
    st.text(
        alphabet=st.one_of(st.sampled_from("</script>!-&'\"\\\u2028\u2029"), st.characters(exclude_categories=["Cs"]))
    )
)
def test_a_data_block_holds_any_text_and_no_text_ends_it(text):
    block = data_block(Told(text=text))
    assert json.loads(block)["text"] == text
    assert not re.search("[<>&\u2028\u2029]", block)


def test_a_number_that_is_none_is_null():
    assert json.loads(data_block(Told(text="", number=float("nan"))))["number"] is None


def test_the_policy_names_the_hash_of_each_text_and_nothing_unsafe():
    policy = content_policy(("a()", "b()"), ("p{}",))
    for text in ("a()", "b()", "p{}"):
        assert b64encode(sha256(text.encode()).digest()).decode() in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
