"""The application: endpoints over a batched engine, behind the guard that every request passes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import Final

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel

from leanglot.serve.answering import Answering
from leanglot.serve.answers import Engine, Telemetry
from leanglot.serve.batching import Batcher
from leanglot.serve.documenting import document
from leanglot.serve.engine import WARM_TEXT, PlainEngine, StagedEngine
from leanglot.serve.errors import tell_errors
from leanglot.serve.inference_protocol import protocol_router
from leanglot.serve.limits import OPENAPI, Guard
from leanglot.serve.predicting import LabelRequest, PredictRequest, predict_router
from leanglot.serve.protocol_models import classification, translation
from leanglot.serve.references import Hypotheses
from leanglot.serve.settings import ServeSettings
from leanglot.serve.translating import ReferenceRequest, TranslateRequest, pairs_by, refusing_router, translate_router
from leanglot.serve.translator_engine import KnowsPairs

_LAST_CALL_S: Final = 10.0  # by then all requests have ended, and only a call of the engine may be under way


def create_app(
    engine: Engine,
    settings: ServeSettings,
    telemetry: Telemetry,
    routers: Sequence[APIRouter] = (),
) -> FastAPI:
    """The application over an engine; its lifespan starts and stops the engine's thread.

    Args:
        engine: What answers. One that tells the length of texts (`StagedEngine`) is batched by tokens, any other by a
            guess from their characters.
        settings: Limits and waits.
        telemetry: Who is told of what it does.
        routers: Further endpoints, such as ``/metrics``; the token guards them too.
    """
    staged = engine if isinstance(engine, StagedEngine) else PlainEngine(engine)
    batcher = Batcher(staged, settings, telemetry)
    app = FastAPI(
        title="leanglot",
        summary=f"{'Translates' if isinstance(engine, KnowsPairs) else 'Classifies'} texts with {engine.name}.",
        version=version("leanglot"),
        openapi_url=OPENAPI,
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # a redirect would lead to whatever host the client named
        lifespan=_lifespan(batcher),
    )
    own, bodies = _endpoints(Answering(batcher, settings, telemetry), engine)
    for router in (*own, *routers):
        app.include_router(router)
    tell_errors(app)
    document(app, bodies, settings, staged)
    app.add_middleware(Guard, settings=settings, telemetry=telemetry)
    return app


def _endpoints(answering: Answering, engine: Engine) -> tuple[tuple[APIRouter, ...], tuple[type[BaseModel], ...]]:
    """The endpoints of what is served, and the bodies they take."""
    name = engine.name
    if not isinstance(engine, KnowsPairs):
        elsewhere = refusing_router(("/translate", "/references"), f"{name} classifies texts: ask /predict.")
        offer = classification()
        plain = predict_router(answering)
        return (plain, protocol_router(answering, offer), elsewhere), (PredictRequest, LabelRequest, offer.request)
    kept, pairs_of = Hypotheses(), pairs_by(engine)
    keeping = replace(answering, keep=kept.keep)
    offer = translation(pairs_of)
    told = "tell right translations at /references."
    routers = (
        translate_router(keeping, pairs_of, kept),
        protocol_router(keeping, offer),
        refusing_router(("/predict",), f"{name} translates texts: ask /translate."),
        refusing_router(("/labels",), f"{name} translates texts, and a translation has no label: {told}"),
    )
    return routers, (TranslateRequest, ReferenceRequest, offer.request)


def _lifespan(batcher: Batcher) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        batcher.start()
        ticket = batcher.submit([WARM_TEXT], [None])
        try:
            await asyncio.wait_for(ticket.future, batcher.settings.timeout_s)
            yield
        finally:
            await batcher.stop(_LAST_CALL_S)

    return lifespan
