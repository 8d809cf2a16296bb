"""The subcommand that serves an artifact or a router over HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from leanglot.cli.options import Threads
from leanglot.extras import require


def serve(
    artifact: Annotated[Path, typer.Argument(help="An artifact's or a router's folder.", metavar="ARTIFACT")],
    host: Annotated[
        str, typer.Option(help="Name or address to listen on; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with a token that callers must show; else LEANGLOT_TOKEN, if set.", metavar="FILE"),
    ] = None,
    threads: Threads = None,
    beam: Annotated[
        int | None, typer.Option(help="Beam of a translation artifact; by default the one it is meant for.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="Append each prediction to this file, without its text.", metavar="FILE")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="Keep the monitor's state in this file; needs --log.", metavar="FILE")
    ] = None,
    reset_state: Annotated[bool, typer.Option("--reset-state", help="Begin the monitor's state anew.")] = False,
    monitor: Annotated[bool, typer.Option(help="Watch the predictions by language, and show them.")] = True,
    shadow: Annotated[
        Path | None,
        typer.Option(help="Artifact of the baseline, which answers a share of the traffic too.", metavar="ARTIFACT"),
    ] = None,
    shadow_share: Annotated[float, typer.Option(help="Share of the traffic that --shadow answers.")] = 0.1,
    latency_budget_ms: Annotated[
        float | None, typer.Option(help="Watch that 95% of the answers keep within this.")
    ] = None,
    languages_limit: Annotated[
        int | None, typer.Option(help="Most languages that metrics and monitor tell apart; 200 by default.")
    ] = None,
    max_body_bytes: Annotated[int, typer.Option(help="Largest body of a request.")] = 1_048_576,
    max_texts: Annotated[int, typer.Option(help="Most texts of a request.")] = 256,
    max_text_chars: Annotated[int, typer.Option(help="Longest text, in characters.")] = 10_000,
    max_connections: Annotated[int, typer.Option(help="Most connections open at once.")] = 1_024,
    queue_texts: Annotated[int, typer.Option(help="Most texts that wait for the engine.")] = 1_024,
    batch_tokens: Annotated[int, typer.Option(help="Largest batch, in tokens with padding.")] = 1_024,
    max_wait_ms: Annotated[
        float, typer.Option(help="How long an idle engine waits for a batch to fill; 0 starts at once.")
    ] = 0.0,
    timeout: Annotated[float, typer.Option(help="How long a request may wait for its answer, in seconds.")] = 30.0,
    read_timeout: Annotated[float, typer.Option(help="How long a client may take to send one, in seconds.")] = 20.0,
    keep_alive: Annotated[float, typer.Option(help="How long an idle connection stays open, in seconds.")] = 65.0,
    grace: Annotated[float, typer.Option(help="How long it finishes what it took when stopped, in seconds.")] = 30.0,
) -> None:
    """Serve ARTIFACT over HTTP: /predict or /translate, the Open Inference Protocol v2 at /v2, /metrics, /dashboard.

    SIGTERM or Ctrl-C stops it once it has answered what it took. It refuses files that were changed since they were
    written.
    """
    for module in ("fastapi", "uvicorn", "httptools", "prometheus_client"):
        require(module, "serve")
    from leanglot.serve.assembly import WatchOptions, assembled
    from leanglot.serve.metrics import DEFAULT_LANGUAGES_LIMIT
    from leanglot.serve.server import run_server
    from leanglot.serve.settings import ServeSettings, is_loopback, read_token

    settings = ServeSettings(
        host=host,
        port=port,
        token=read_token(token_file),
        threads=threads,
        max_body_bytes=max_body_bytes,
        max_texts=max_texts,
        max_text_chars=max_text_chars,
        max_connections=max_connections,
        queue_texts=queue_texts,
        batch_tokens=batch_tokens,
        max_wait_ms=max_wait_ms,
        timeout_s=timeout,
        read_timeout_s=read_timeout,
        keep_alive_s=keep_alive,
        grace_s=grace,
    )
    options = WatchOptions(
        log=log,
        state=state,
        reset_state=reset_state,
        monitor=monitor,
        shadow=shadow,
        shadow_share=shadow_share,
        latency_budget_ms=latency_budget_ms,
        languages_limit=DEFAULT_LANGUAGES_LIMIT if languages_limit is None else languages_limit,
    )
    if settings.token is None and not is_loopback(host):
        _tell(f"Warning: whoever reaches {host} may use this server; LEANGLOT_TOKEN or --token-file asks for a token.")
    run_server(
        settings,
        lambda: assembled(artifact, options, _tell, threads, beam),
        lambda name, address: typer.echo(f"Serving {name} at {address} (Ctrl-C stops it)."),
    )


def _tell(message: str) -> None:
    typer.echo(message, err=True)
