"""The Open Inference Protocol: health, metadata, and texts as tensors."""

import json

import pytest
from pydantic import ValidationError

from fake_engine import FakeEngine
from leanglot.serve.inference_protocol import InferRequest
from served import ask, serving


@pytest.fixture(scope="module")
def server():
    with serving(FakeEngine(name="intents"), max_texts=20) as running:
        yield running


def tensor(*data, name="text", shape=None, **more):
    return {"name": name, "shape": [len(data)] if shape is None else shape, "datatype": "BYTES", "data": data} | more


def infer(server, *inputs, model="intents", **more):
    body = json.dumps({"inputs": inputs} | more).encode()
    return ask(server.port, "POST", f"/v2/models/{model}/infer", body)


def outputs(reply):
    assert reply.status == 200, reply.body
    return {each["name"]: each for each in reply.json["outputs"]}


def test_health_is_told(server):
    assert ask(server.port, "GET", "/v2/health/live").json == {"live": True}
    assert ask(server.port, "GET", "/v2/health/ready").json == {"ready": True}
    assert ask(server.port, "GET", "/v2/models/intents/ready").json == {"name": "intents", "ready": True}


def test_metadata_says_what_goes_in_and_comes_out(server):
    assert ask(server.port, "GET", "/v2").json["name"] == "leanglot"
    metadata = ask(server.port, "GET", "/v2/models/intents").json
    assert metadata["name"] == "intents"
    assert metadata["inputs"][0] == {"name": "text", "datatype": "BYTES", "shape": [-1]}
    told = {each["name"]: each["datatype"] for each in metadata["outputs"]}
    answered = outputs(infer(server, tensor("a")))
    assert {name: each["datatype"] for name, each in answered.items()} == told


def test_texts_are_inferred(server):
    reply = infer(server, tensor("eins", "two"), tensor("de", "", name="language"), id="request-7")
    assert (reply.json["model_name"], reply.json["id"]) == ("intents", "request-7")
    found = outputs(reply)
    assert found["label"] == {"name": "label", "shape": [2], "datatype": "BYTES", "data": ["eins", "two"]}
    assert found["confidence"]["data"] == [0.75, 0.75]
    assert found["language"]["data"] == ["de", ""]
    assert found["id"]["data"] == ["id-eins", "id-two"]


def test_only_the_wanted_outputs_are_given_in_their_order(server):
    reply = infer(server, tensor("a"), outputs=[{"name": "confidence"}, {"name": "label"}])
    assert list(outputs(reply)) == ["confidence", "label"]
    assert "id" not in reply.json


@pytest.mark.parametrize("data", [(["a"], ["b"]), ("a", "b")])
def test_a_column_is_taken_flat_and_nested(server, data):
    assert outputs(infer(server, tensor(*data, shape=[2, 1])))["label"]["data"] == ["a", "b"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "inputs: "),
        ([tensor("de", name="language")], "The input 'text' is missing."),
        ([tensor("a", name="words")], "inputs.0.name: "),
        ([tensor("a"), tensor("b")], "given twice"),
        ([tensor("a", datatype="FP32")], "inputs.0.datatype: "),
        ([tensor("a", shape=[2])], "has 1 values and the shape [2]"),
        ([tensor("a", "b", shape=[1, 2])], "has 2 values and the shape [1, 2]"),
        ([tensor("a", "b", shape=[2, 2])], "has 2 values and the shape [2, 2]"),
        ([tensor(["a", "b"], shape=[1, 2])], "rows that do not fit"),
        ([tensor(["a"], shape=[1])], "rows that do not fit"),
        ([tensor("a", shape=[-1])], "inputs.0.shape.0: "),
        ([tensor("a", shape=[1.5])], "inputs.0.shape.0: "),
        ([tensor("a", shape=[])], "inputs.0.shape: "),
        ([tensor(7)], "inputs.0.data.0: Input should be a valid string"),
        ([tensor([7])], "inputs.0.data.0.0: Input should be a valid string"),
        ([tensor("a"), tensor("de", "en", name="language")], "There are 1 texts and 2 languages"),
        ([tensor("a"), tensor("German", name="language")], "is not a language tag"),
        ([tensor()], "There are no texts"),
    ],
)  # fmt: skip
def test_tensors_that_cannot_be_used_say_why(server, inputs, message):
    reply = infer(server, *inputs)
    assert (reply.status, message in reply.error) == (422, True), reply.error


def test_the_binary_extension_is_told_to_be_missing(server):
    """As Triton's client sends it by default."""
    head = json.dumps({"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES"}]}).encode()
    headers = {"content_type": "application/octet-stream", "inference_header_content_length": str(len(head))}
    reply = ask(server.port, "POST", "/v2/models/intents/infer", head + b"\x01\x00\x00\x00a", **headers)
    assert (reply.status, "binary tensor extension" in reply.error) == (415, True)


@pytest.mark.parametrize("data", [[1] * 500, [[1] * 500], [["a"] * 3 + [1] * 500]])
def test_a_long_tensor_of_something_else_is_read_no_further_than_its_first_fault(data):
    body = json.dumps({"inputs": [{"name": "text", "shape": [500], "datatype": "BYTES", "data": data}]})
    with pytest.raises(ValidationError) as caught:
        InferRequest.model_validate_json(body)
    assert caught.value.error_count() <= 2


def test_an_output_that_is_none_is_refused(server):
    assert infer(server, tensor("a"), outputs=[{"name": "logits"}]).status == 422


@pytest.mark.parametrize(("method", "end"), [("GET", ""), ("GET", "/ready"), ("POST", "/infer")])
def test_another_model_is_not_found(server, method, end):
    body = json.dumps({"inputs": [tensor("a")]}).encode() if method == "POST" else None
    reply = ask(server.port, method, f"/v2/models/other{end}", body)
    assert (reply.status, reply.error) == (404, "There is no model 'other'; this server has 'intents'.")


def test_limits_hold_here_too(server):
    assert infer(server, tensor(*["a"] * 21)).status == 413
