"""What many write first: transformers' text-classification pipeline behind FastAPI and uvicorn, FP32 in PyTorch.

``python serving_pipeline.py MODEL`` prints the address it listens on. ``--at-once`` and ``--threads`` are the easy
improvement: no more requests at a time than there are cores, instead of the 40 of FastAPI's thread pool.
"""

import argparse
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from leanglot.quiet import quiet_imports, quiet_transformers


class Text(BaseModel):
    """The body of a request."""

    text: str


def make_app(model: str, at_once: int | None) -> FastAPI:
    """The server: one text per request, and for each a thread of the pool.

    Args:
        model: A transformers model folder.
        at_once: Threads of the pool; None leaves the default.
    """
    from anyio.to_thread import current_default_thread_limiter
    from transformers import pipeline

    @asynccontextmanager
    async def limited(_: FastAPI) -> AsyncIterator[None]:
        if at_once is not None:
            current_default_thread_limiter().total_tokens = at_once
        yield

    with quiet_transformers():
        classify = pipeline("text-classification", model=model)
    app = FastAPI(lifespan=limited)

    @app.post("/predict")
    def predict(body: Text) -> dict[str, object]:
        answer: dict[str, object] = classify(body.text)[0]
        return answer

    return app


def main() -> None:
    """Serve until the process is told to end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--at-once", type=int, help="requests that are worked on at the same time")
    parser.add_argument("--threads", type=int, help="of PyTorch, for each of them")
    options = parser.parse_args()
    with quiet_imports():
        import torch
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    app = make_app(options.model, options.at_once)
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main()
