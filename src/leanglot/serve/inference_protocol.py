"""The Open Inference Protocol, version 2, over HTTP: health, metadata and inference, as KServe and Triton speak it.

Specification: https://github.com/open-inference/open-inference-protocol (``open_inference_rest.yaml``). Texts travel as
tensors of datatype ``BYTES``. The binary tensor extension and versions of models are not offered.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic_core import to_json
from starlette.responses import Response

from leanglot.serve.answering import Answering
from leanglot.serve.answers import Answer
from leanglot.serve.documenting import documented, failure
from leanglot.serve.errors import JSON, Refusal
from leanglot.serve.protocol_models import (
    InferRequest,
    InferResponse,
    Live,
    ModelMetadata,
    ModelReady,
    Offer,
    Ready,
    ServerMetadata,
    Tensor,
    TranslateInferRequest,
)

_BINARY: Final = "inference-header-content-length"


def protocol_router(answering: Answering, offer: Offer) -> APIRouter:
    """The endpoints under ``/v2``.

    Args:
        answering: Answers.
        offer: What the model takes and gives.
    """
    router = APIRouter(prefix="/v2", tags=["Open Inference Protocol v2"])
    _add_metadata(router, answering)
    _add_models(router, answering, offer)
    return router


def _add_metadata(router: APIRouter, answering: Answering) -> None:
    @router.get("", response_model=ServerMetadata, responses={401: failure(401)})
    async def server() -> Response:
        """Tell what this server is."""
        return _json({"name": "leanglot", "version": version("leanglot"), "extensions": []})

    @router.get("/health/live", response_model=Live)
    async def live() -> Response:
        """Tell that the process answers; needs no token."""
        return _json({"live": True})

    @router.get("/health/ready", response_model=Ready, responses={503: {"model": Ready}})
    async def ready() -> Response:
        """Tell whether it can infer; needs no token."""
        serving = answering.batcher.serving
        return _json({"ready": serving}, 200 if serving else 503)


def _add_models(router: APIRouter, answering: Answering, offer: Offer) -> None:
    engine = answering.batcher.engine
    missing: dict[int | str, dict[str, Any]] = {code: failure(code) for code in (401, 404)}

    def check(name: str) -> None:
        if name != engine.name:
            raise Refusal(404, f"There is no model {name!r:.200}; this server has {engine.name!r}.")

    @router.get("/models/{name}", response_model=ModelMetadata, responses=missing)
    async def model(name: str) -> Response:
        """Tell what the model takes and gives."""
        check(name)
        inputs = [{"name": each, "datatype": "BYTES", "shape": [-1]} for each in offer.inputs]
        outputs = [{"name": each, "datatype": kind, "shape": [-1]} for each, (kind, _) in offer.outputs.items()]
        facts = {"name": engine.name, "versions": [], "platform": engine.platform}
        return _json({**facts, "inputs": inputs, "outputs": outputs})

    @router.get("/models/{name}/ready", response_model=ModelReady, responses=missing | {503: {"model": ModelReady}})
    async def model_ready(name: str) -> Response:
        """Tell whether the model can infer."""
        check(name)
        serving = answering.batcher.serving
        return _json({"name": engine.name, "ready": serving}, 200 if serving else 503)

    documents = documented(offer.request, InferResponse, busy=True, named=True)

    @router.post("/models/{name}/infer", description=offer.does, **documents)
    async def infer(name: str, request: Request) -> Response:
        check(name)
        if _BINARY in request.headers:
            raise Refusal(415, "The binary tensor extension is not offered; send the tensors as JSON.")
        answering.check_room()
        asked: InferRequest | TranslateInferRequest = await answering.read(request, offer.request)
        values = _tensors(asked.inputs)
        answering.check(values["text"])
        texts, tags = offer.read(values)
        answers = await answering.answer(request, texts, tags)
        wanted = list(offer.outputs) if not asked.outputs else list(dict.fromkeys(each.name for each in asked.outputs))
        identified = {} if asked.id is None else {"id": asked.id}
        outputs = [_output(output, offer, answers) for output in wanted]
        return _json({"model_name": engine.name, **identified, "outputs": outputs})


def _tensors(inputs: Sequence[Tensor]) -> dict[str, list[str]]:
    """The values of the inputs by name.

    Raises:
        Refusal: There are no texts, or a tensor does not have its shape.
    """
    found: dict[str, list[str]] = {}
    for tensor in inputs:
        if tensor.name in found:
            raise Refusal(422, f"The input {tensor.name!r} is given twice.")
        found[tensor.name] = _flat(tensor)
    if "text" not in found:
        raise Refusal(422, "The input 'text' is missing.")
    return found


def _flat(tensor: Tensor) -> list[str]:
    """The values of a tensor of shape ``[n]`` or ``[n, 1]``, whose rows may be nested.

    Raises:
        Refusal: It has another shape, or other values than its shape says.
    """
    values: list[str] = []
    for value in tensor.data:
        if isinstance(value, str):
            values.append(value)
        elif len(value) == 1 and len(tensor.shape) == 2:
            values.append(value[0])
        else:
            raise Refusal(422, f"The input {tensor.name!r} has rows that do not fit its shape {tensor.shape}.")
    if tensor.shape[0] != len(values) or tensor.shape[1:] not in ([], [1]):
        message = f"The input {tensor.name!r} has {len(values)} values and the shape {tensor.shape}; allowed are"
        raise Refusal(422, f"{message} [{len(values)}] and [{len(values)}, 1].")
    return values


def _output(name: str, offer: Offer, answers: Sequence[Answer]) -> dict[str, Any]:
    datatype, value = offer.outputs[name]
    return {"name": name, "shape": [len(answers)], "datatype": datatype, "data": [value(each) for each in answers]}


def _json(content: Mapping[str, Any], status: int = 200) -> Response:
    return Response(to_json(content), status, media_type=JSON)
