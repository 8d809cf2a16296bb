"""``/predict`` and ``/labels``: what they answer, and what they say to bodies that cannot be answered."""

import gzip
import json

import pytest
from pydantic import ValidationError

from fake_engine import BREAKING, FakeEngine
from leanglot.serve.answering import _canonical
from leanglot.serve.predicting import PredictRequest
from served import Client, ask, predict, request, serving, texts_body


@pytest.fixture(scope="module")
def server():
    with serving(FakeEngine(labels=("on", "off")), max_texts=20, max_text_chars=50, max_body_bytes=4_000) as running:
        yield running


def test_texts_are_answered_in_order_with_their_languages(server):
    reply = predict(server.port, "eins", "two", "trois", languages=["DE", None, "fr_CA"])
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.json["model"] == "fake"
    assert [each["label"] for each in reply.json["predictions"]] == ["eins", "two", "trois"]
    assert [each["language"] for each in reply.json["predictions"]] == ["de", None, "fr-CA"]
    assert reply.json["predictions"][0] == {
        "id": "id-eins",
        "label": "eins",
        "confidence": 0.75,
        "language": "de",
        "variant": "fake",
        "truncated": False,
    }


def test_one_language_may_be_told_for_all(server):
    reply = predict(server.port, "ein", "zwei", languages="de")
    assert [each["language"] for each in reply.json["predictions"]] == ["de", "de"]
    assert predict(server.port, "a", languages=None).json["predictions"][0]["language"] is None


def test_telemetry_is_told_of_a_request(server):
    before = len(server.told.answers)
    predict(server.port, "told")
    assert server.told.wait_for(("/predict", 200))
    assert "told" in [answer.label for answer in server.told.answers[before:]]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "is no JSON"),
        (b'{"texts": ["a"', 400, "is no JSON"),
        (b'{"texts": ["\xff\xfe"]}', 400, "invalid unicode code point"),
        (b'{"texts": ["\\ud800"]}', 400, "is no JSON"),
        ('{"texts": ["a"]}'.encode("utf-16"), 400, "is no JSON"),
        (b"[" * 3_000, 400, "is no JSON"),
        (b'{"texts": ' + b"[" * 300 + b"]" * 300 + b"}", 400, "recursion limit exceeded"),
        (b'{"texts": [NaN]}', 422, "texts.0: Input should be a valid string"),
        (b"null", 422, "the body: "),
        (b"[]", 422, "the body: "),
        (b"{}", 422, "texts: Field required"),
        (b'{"texts": "one"}', 422, "texts: Input should be a valid array"),
        (b'{"texts": {"0": "a"}}', 422, "texts: Input should be a valid array"),
        (b'{"texts": [1]}', 422, "texts.0: Input should be a valid string"),
        (b'{"texts": ["a", null]}', 422, "texts.1: Input should be a valid string"),
        (b'{"a": 1, "b": 2, "c": 3, "d": 4}', 422, "texts: Field required; a: Extra inputs are not permitted; b"),
        (b'{"a": 1, "b": 2, "c": 3, "d": 4}', 422, "(and 2 more)"),
        (b'{"texts": [1, 2, 3, 4, 5]}', 422, "texts.0: Input should be a valid string."),
        (b'{"' + b"k" * 3_000 + b'": 1}', 422, f"{'k' * 60}...: Extra"),
        (b'{"texts": []}', 422, "There are no texts"),
        (b'{"texts": ["a", ""]}', 422, "Text 1 is empty"),
        (b'{"texts": [" \\n\\u3000"]}', 422, "Text 0 is empty"),
        (b'{"texts": ["a"], "langauges": ["de"]}', 422, "langauges: Extra inputs are not permitted"),
        (b'{"texts": ["a"], "languages": []}', 422, "There are 1 texts and 0 languages"),
        (b'{"texts": ["a"], "languages": ["de", "en"]}', 422, "There are 1 texts and 2 languages"),
        (b'{"texts": ["a"], "languages": ["German"]}', 422, '"German" is not a language tag. Did you mean "de"'),
        (b'{"texts": ["a"], "languages": "xx-nowhere"}', 422, "is not a language tag"),
        (b'{"texts": ["a"], "languages": [""]}', 422, "is not a language tag"),
        (b'{"texts": ["a"], "languages": [7]}', 422, "languages.0: Input should be a valid string"),
        (b'{"texts": ["a"], "languages": 7}', 422, "languages: Input should be a valid array; languages: "),
        (b'{"texts": ["a"], "languages": "' + b"x" * 3_000 + b'"}', 422, f"'{'x' * 60}' is not a language tag"),
        (texts_body(*["a"] * 21), 413, "There are 21 texts; allowed are 20."),
        (texts_body("a" * 51), 413, "Text 0 has 51 characters; allowed are 50."),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_answered_says_why(server, body, status, message):
    reply = ask(server.port, "POST", "/predict", body)
    assert (reply.status, message in reply.error) == (status, True), reply.error


def test_an_error_repeats_nothing_of_a_text(server):
    assert "secret" not in ask(server.port, "POST", "/predict", b'{"texts": ["secret"], "other": "secret"}').error
    assert "secret" not in ask(server.port, "POST", "/predict", b'{"texts": {"secret": 1}}').error


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_body_must_be_declared_as_json(server, media_type):
    """Also because a browser sends other types from any page without asking first."""
    reply = ask(server.port, "POST", "/predict", texts_body("a"), content_type=media_type)
    assert reply.status == 415
    assert "Content-Type: application/json" in reply.error


def test_a_compressed_body_is_told_to_come_as_it_is(server):
    reply = ask(server.port, "POST", "/predict", gzip.compress(texts_body("a")), content_encoding="gzip")
    assert (reply.status, reply.error) == (415, "The body is compressed; send it as it is.")
    assert reply.headers["accept-encoding"] == "identity"
    assert ask(server.port, "POST", "/predict", texts_body("a"), content_encoding="identity").status == 200


@pytest.mark.parametrize(
    "body",
    [
        b'{"texts": [' + b",".join([b"1"] * 500) + b"]}",
        b'{"texts": ["a"], "languages": [' + b",".join([b"1"] * 500) + b"]}",
    ],
)
def test_a_long_list_of_something_else_is_read_no_further_than_its_first_fault(body):
    """A million of faults would hold up the event loop for seconds."""
    with pytest.raises(ValidationError) as caught:
        PredictRequest.model_validate_json(body)
    assert caught.value.error_count() <= 2


def test_tags_of_any_length_are_not_remembered(server):
    before = _canonical.cache_info().currsize
    for end in ("a", "b", "c"):
        assert predict(server.port, "a", languages="x" * 2_000 + end).status == 422
    assert _canonical.cache_info().currsize <= before + 1


def test_a_media_type_may_have_parameters(server):
    reply = ask(server.port, "POST", "/predict", texts_body("a"), content_type="Application/JSON; charset=utf-8")
    assert reply.status == 200


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\u202e", "👩‍👩‍👧", "\ufeff", "e\u0301" * 20, "'\"<>&\\"])
def test_strange_texts_are_answered(server, text):
    assert predict(server.port, text).json["predictions"][0]["label"] == text


def test_an_error_of_the_model_tells_nothing_of_its_inside(server, caplog):
    reply = predict(server.port, BREAKING)
    assert reply.status == 500
    assert "broken" not in reply.error
    assert "RuntimeError: broken" in caplog.text
    assert predict(server.port, "after").status == 200


def test_labels_that_come_later_are_handed_on(server):
    reply = ask(server.port, "POST", "/labels", json.dumps({"id": "id-eins", "label": "off"}).encode())
    assert (reply.status, reply.json) == (202, {"accepted": True})
    assert server.told.labels[-1] == ("id-eins", "off")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"id": "a", "label": "of"}', "The model has no such label; it has 2: on, off."),
        (b'{"id": "", "label": "off"}', "id: "),
        (b'{"id": "a"}', "label: Field required"),
        (json.dumps({"id": "a" * 201, "label": "off"}).encode(), "id: "),
    ],
)
def test_a_label_that_cannot_be_one_is_refused(server, body, message):
    before = list(server.told.labels)
    reply = ask(server.port, "POST", "/labels", body)
    assert (reply.status, message in reply.error) == (422, True), reply.error
    assert server.told.labels == before


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/nowhere", 404, "There is nothing at GET /nowhere."),
        ("GET", "/", 404, "There is nothing at GET /."),
        ("GET", "/docs", 404, "There is nothing at GET /docs."),
        ("GET", "/predict", 405, "allowed is POST"),
        ("DELETE", "/v2/health/live", 405, "allowed is GET"),
        ("GET", "/predict/", 404, "There is nothing"),
        ("GET", "/%00%ff%0d%0aX-Evil:%201", 404, "There is nothing"),
    ],
)
def test_other_paths_and_methods_are_told_in_the_same_shape(server, method, path, status, message):
    reply = ask(server.port, method, path)
    assert (reply.status, message in reply.error) == (status, True), reply.error
    assert "x-evil" not in reply.headers


def test_one_connection_takes_many_requests_also_without_waiting(server):
    with Client(server.port) as client:
        client.send(b"".join(request("POST", "/predict", texts_body(f"text-{number}")) for number in range(50)))
        labels = [client.reply().json["predictions"][0]["label"] for _ in range(50)]
    assert labels == [f"text-{number}" for number in range(50)]


def test_routes_are_counted_by_their_pattern_and_unknown_ones_together(server):
    ask(server.port, "GET", "/a-path-of-somebody")
    ask(server.port, "GET", "/v2/models/fake")
    ask(server.port, "GET", "/openapi.json")
    for told in (("unmatched", 404), ("/v2/models/{name}", 200), ("/openapi.json", 200)):
        assert server.told.wait_for(told)
    assert not [route for route, _ in server.told.requests if "somebody" in route]
