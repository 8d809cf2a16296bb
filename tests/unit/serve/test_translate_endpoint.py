"""``/translate`` and ``/references``, and the same as tensors: what they answer, and what they refuse."""

import json

import pytest

from fake_engine import BREAKING, FakeEngine
from fake_pair_engine import FakePairEngine
from leanglot.serve.references import sentence_chrf
from served import ask, serving


@pytest.fixture(scope="module")
def server():
    with serving(FakePairEngine(), max_texts=20, max_text_chars=100, max_body_bytes=8_000) as running:
        yield running


def post(server, path, **body):
    return ask(server.port, "POST", path, json.dumps(body).encode())


def translate(server, *texts, **more):
    return post(server, "/translate", texts=texts, **more)


def infer(server, *inputs, **more):
    tensors = [{"name": name, "shape": [len(data)], "datatype": "BYTES", "data": list(data)} for name, data in inputs]
    return post(server, "/v2/models/fake/infer", inputs=tensors, **more)


def test_texts_are_translated_in_order(server):
    reply = translate(server, "one two", "three", source="EN", target="de")
    assert reply.status == 200
    assert reply.json["model"] == "fake"
    assert reply.json["translations"][0] == {
        "id": "id-one two",
        "translation": "two one",
        "pair": "en→de",
        "confidence": 0.75,
        "failure": None,
        "tokens": 2,
        "parts": 1,
        "cut": False,
        "variant": "fake",
    }
    assert reply.json["translations"][1]["translation"] == "three"


def test_each_text_may_have_languages_of_its_own(server):
    reply = translate(server, "a", "b", "c", source=["en", "de", None], target=["fr", "en", "de"])
    assert [each["pair"] for each in reply.json["translations"]] == ["en→fr", "de→en", "en→de"]
    mixed = translate(server, "a", "b", source="en", target=["fr", "de"])
    assert [each["pair"] for each in mixed.json["translations"]] == ["en→fr", "en→de"]


def test_the_source_may_go_unsaid_where_the_model_leaves_no_choice(server):
    assert translate(server, "a", target="fr").json["translations"][0]["pair"] == "en→fr"


def test_what_was_split_and_what_seems_wrong_is_told(server):
    long, copied = translate(server, "w " * 25, "copied text", target="de").json["translations"]
    assert (long["parts"], long["failure"]) == (3, None)
    assert copied["failure"] == "copied"
    [empty] = translate(server, "empty text", target="de").json["translations"]
    assert (empty["translation"], empty["failure"]) == ("", "empty")


def test_telemetry_is_told_by_pair_and_without_the_text(server):
    translate(server, "told here", target="de")
    assert server.told.wait_for(("/translate", 200))
    [answer] = [each for each in server.told.answers if each.id == "id-told here"]
    assert (answer.language, answer.label) == ("en→de", "translated")


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b'{"texts": ["\\ud800"], "target": "de"}', 400, "is no JSON"),
        (b'{"texts": ["a", ""], "target": "de"}', 422, "Text 1 is empty"),
        (b'{"texts": [" \\u3000"], "target": "de"}', 422, "Text 0 is empty"),
        (b'{"texts": [], "target": "de"}', 422, "There are no texts"),
        (b'{"texts": ["a"]}', 422, "Text 0: No target language was given. Give one of: de, en, fr."),
        (
            b'{"texts": ["a"], "target": "ja"}',
            422,
            "does not translate en→ja. It translates: de→en",
        ),
        (b'{"texts": ["a", "b"], "target": ["de", "de"], "source": ["en", "fr"]}', 422, "Text 1: The model does not"),
        (b'{"texts": ["a"], "target": "de", "source": "de"}', 422, "Source and target language are the same, de"),
        (b'{"texts": ["a"], "target": "Klingonish"}', 422, "is no language tag"),
        (b'{"texts": ["a", "b"], "target": ["de"]}', 422, "There are 2 texts and 1 under target"),
        (b'{"texts": ["a"], "target": ["de", "fr"], "source": "en"}', 422, "There are 1 texts and 2 under target"),
        (b'{"texts": ["a"], "target": "de", "source": []}', 422, "There are 1 texts and 0 under source"),
        (b'{"texts": ["a"], "target": 1}', 422, "target: Input should be a valid"),
        (b'{"texts": ["a"], "languages": ["de"]}', 422, "languages: Extra inputs are not permitted"),
        (b'{"texts": ["' + b"a" * 101 + b'"], "target": "de"}', 413, "Text 0 has 101 characters; allowed are 100"),
        (b'{"texts": [' + b",".join([b'"a"'] * 21) + b'], "target": "de"}', 413, "There are 21 texts"),
    ],
)
def test_what_cannot_be_translated_says_why(server, body, status, message):
    reply = ask(server.port, "POST", "/translate", body)
    assert (reply.status, message in reply.error) == (status, True), reply.error


def test_a_tag_of_endless_length_is_not_remembered(server):
    reply = translate(server, "a", target="x" * 5_000)
    assert reply.status == 422
    assert len(reply.error) < 300


def test_a_model_that_fails_is_told_without_its_text(server):
    reply = translate(server, BREAKING, target="de")
    assert (reply.status, "could not answer" in reply.error) == (500, True)
    assert translate(server, "goes on", target="de").status == 200


def test_a_reference_that_comes_later_is_compared_and_told(server):
    [answer] = translate(server, "an lampe die", target="de").json["translations"]
    reply = post(server, "/references", id=answer["id"], reference="die Lampe an")
    expected = sentence_chrf("die lampe an", "die Lampe an")
    assert (reply.status, reply.json) == (202, {"chrf": pytest.approx(expected)})
    assert server.told.labels[-1] == (answer["id"], f"{expected:.6f}")
    again = post(server, "/references", id=answer["id"], reference="die Lampe an")
    assert (again.status, "No translation with this id" in again.error) == (404, True)


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"id": "id-a", "reference": " "}, 422, "Text 0 is empty"),
        ({"id": "id-a", "reference": "r" * 101}, 413, "allowed are 100"),
        ({"id": "", "reference": "r"}, 422, "id: String should have at least 1 character"),
        ({"id": "id-a"}, 422, "reference: Field required"),
    ],
)
def test_a_reference_that_is_none_is_refused(server, body, status, message):
    reply = post(server, "/references", **body)
    assert (reply.status, message in reply.error) == (status, True), reply.error


def test_models_say_which_endpoints_are_theirs(server):
    translates = post(server, "/predict", texts=["a"])
    assert (translates.status, translates.error) == (404, "fake translates texts: ask /translate.")
    labels = post(server, "/labels", id="a", label="b")
    assert (labels.status, "tell right translations at /references" in labels.error) == (404, True)
    with serving(FakeEngine()) as classifier:
        for path in ("/translate", "/references"):
            reply = post(classifier, path, texts=["a"])
            assert (reply.status, reply.error) == (404, "fake classifies texts: ask /predict.")
        named = ask(classifier.port, "GET", "/openapi.json").json
        assert "/translate" not in named["paths"]


def test_the_document_names_what_there_is(server):
    named = ask(server.port, "GET", "/openapi.json").json
    assert {"/translate", "/references", "/v2/models/{name}/infer"} <= set(named["paths"])
    assert not {"/predict", "/labels"} & set(named["paths"])
    assert named["info"]["summary"] == "Translates texts with fake."
    texts = named["components"]["schemas"]["TranslateRequest"]["properties"]["texts"]
    assert (texts["minItems"], texts["maxItems"], texts["items"]["maxLength"]) == (1, 20, 100)
    assert named["components"]["schemas"]["ReferenceRequest"]["properties"]["reference"]["maxLength"] == 100
    assert named["paths"]["/v2/models/{name}/infer"]["post"]["description"] == "Translate texts."


def test_tensors_are_translated(server):
    reply = infer(
        server,
        ("text", ["one two", "copied three"]),
        ("source_language", ["en", ""]),
        ("target_language", ["de", "fr"]),
        id="r1",
    )
    assert reply.status == 200
    assert (reply.json["model_name"], reply.json["id"]) == ("fake", "r1")
    found = {each["name"]: each for each in reply.json["outputs"]}
    assert list(found) == ["translation", "confidence", "pair", "failure", "variant", "id"]
    assert found["translation"]["data"] == ["two one", "three copied"]
    assert found["confidence"] == {"name": "confidence", "shape": [2], "datatype": "FP32", "data": [0.75, 0.75]}
    assert found["pair"]["data"] == ["en→de", "en→fr"]
    assert found["failure"]["data"] == ["", "copied"]


def test_one_output_may_be_asked_for_and_its_reference_told(server):
    reply = infer(server, ("text", ["x y"]), ("target_language", ["de"]), outputs=[{"name": "translation"}])
    assert [each["name"] for each in reply.json["outputs"]] == ["translation"]
    assert post(server, "/references", id="id-x y", reference="y x").json == {"chrf": pytest.approx(1.0)}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([("text", ["a"])], "No target language"),
        ([("target_language", ["de"])], "The input 'text' is missing"),
        ([("text", ["a", "b"]), ("target_language", ["de"])], "There are 2 source languages and 1 target languages"),
        ([("text", ["a"]), ("target_language", ["ja"])], "does not translate"),
        ([("text", ["a"]), ("language", ["de"])], "inputs.1.name"),
        ([("text", [""]), ("target_language", ["de"])], "Text 0 is empty"),
    ],
)
def test_tensors_that_cannot_be_translated_say_why(server, inputs, message):
    reply = infer(server, *inputs)
    assert (reply.status, message in reply.error) == (422, True), reply.error


def test_the_model_tells_its_tensors(server):
    told = ask(server.port, "GET", "/v2/models/fake").json
    assert [each["name"] for each in told["inputs"]] == ["text", "source_language", "target_language"]
    assert [each["name"] for each in told["outputs"]][:2] == ["translation", "confidence"]
