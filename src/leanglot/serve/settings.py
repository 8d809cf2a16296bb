"""How a server listens, how much it takes at once, and how long it waits for whom."""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from leanglot.errors import ConfigError

TOKEN_VARIABLE: Final = "LEANGLOT_TOKEN"  # noqa: S105 - the name of a variable
LOOPBACK: Final = "127.0.0.1"
_SHORTEST_TOKEN: Final = 16
_LONGEST_TOKEN: Final = 4096
_MOST_SECONDS: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """Settings of a server; all are checked when it is made.

    Attributes:
        host: Name or address it listens on; reachable from this machine alone unless told otherwise.
        port: 0 takes any free one.
        token: What callers must show as ``Authorization: Bearer``; None lets everybody in.
        threads: Threads of each engine; None takes the number that was fastest where the artifact was made.
        max_body_bytes: Largest body of a request.
        max_texts: Most texts of a request.
        max_text_chars: Longest text, in characters.
        max_connections: Most connections open at once.
        max_held_bytes: Most bytes of bodies held at once, over all requests.
        queue_texts: Most texts that wait for the engine, over all requests.
        batch_tokens: Largest batch, in tokens with padding.
        max_wait_ms: How long an idle engine waits for a batch to fill up; 0 starts at once.
        timeout_s: How long a request may wait for its answer.
        read_timeout_s: How long a client may take to send a request, or to take its answer.
        keep_alive_s: How long a connection may stay open between requests.
        grace_s: How long a stopping server goes on with what it took.

    Raises:
        ConfigError: A value cannot be used; all faults are told at once.
    """

    host: str = LOOPBACK
    port: int = 8000
    token: str | None = field(default=None, repr=False)
    threads: int | None = None
    max_body_bytes: int = 1_048_576
    max_texts: int = 256
    max_text_chars: int = 10_000
    max_connections: int = 1_024
    max_held_bytes: int = 67_108_864
    queue_texts: int = 1_024
    batch_tokens: int = 1_024
    max_wait_ms: float = 0.0
    timeout_s: float = 30.0
    read_timeout_s: float = 20.0
    keep_alive_s: float = 65.0
    grace_s: float = 30.0

    def __post_init__(self) -> None:
        if faults := [fault for check in _CHECKS if (fault := check(self)) is not None]:
            listed = "".join(f"\n  {fault}" for fault in faults)
            raise ConfigError(f"The server cannot be set up so:{listed}", "Correct what is listed.")


def is_loopback(host: str) -> bool:
    """Whether a host, as it was given, is reached from this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def read_token(file: Path | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """The token that callers must show: from a file, else from ``LEANGLOT_TOKEN``; None where neither is given.

    Args:
        file: A file that holds nothing but the token.
        environment: The environment.

    Raises:
        ConfigError: The file cannot be read, or holds nothing.
    """
    if file is None:
        token = environment.get(TOKEN_VARIABLE)
        if token is not None and not token.strip():
            raise ConfigError(f"{TOKEN_VARIABLE} is set but empty.", "Unset it to serve without a token.")
        return None if token is None else token.strip()
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The token file {file} cannot be read: {error}", "Check --token-file.") from error
    if not token:
        raise ConfigError(f"The token file {file} is empty.", "Write a token of 16 characters or more into it.")
    return token


def _whole(name: str, low: int, high: int) -> Callable[[ServeSettings], str | None]:
    def check(settings: ServeSettings) -> str | None:
        value = getattr(settings, name)
        right = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return None if right else f"{name} is {value!r}; allowed are whole numbers from {low:,} to {high:,}"

    return check


def _number(name: str, high: float, *, zero: bool) -> Callable[[ServeSettings], str | None]:
    def check(settings: ServeSettings) -> str | None:
        value = getattr(settings, name)
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        right = number and (0 <= value <= high if zero else 0 < value <= high)
        return None if right else f"{name} is {value!r}; allowed is {'from' if zero else 'above'} 0 to {high:,g}"

    return check


def _host(settings: ServeSettings) -> str | None:
    if not settings.host.strip():
        return "host is empty; allowed are names and addresses such as 127.0.0.1, 0.0.0.0 or ::"
    return None


def _threads(settings: ServeSettings) -> str | None:
    return None if settings.threads is None else _whole("threads", 1, 1024)(settings)


def _token(settings: ServeSettings) -> str | None:
    token = settings.token
    if token is None:
        return None
    if not (token.isascii() and token.isprintable()) or " " in token:
        return "token holds spaces or other than printable ASCII characters, which no header carries"
    if not _SHORTEST_TOKEN <= len(token) <= _LONGEST_TOKEN:
        return f"token has {len(token)} characters; allowed are {_SHORTEST_TOKEN} to {_LONGEST_TOKEN:,}"
    return None


def _queue_takes_a_request(settings: ServeSettings) -> str | None:
    if settings.queue_texts >= settings.max_texts:
        return None
    return f"queue_texts is {settings.queue_texts}; it must hold one request of max_texts, {settings.max_texts}"


def _memory_takes_a_body(settings: ServeSettings) -> str | None:
    if settings.max_held_bytes >= settings.max_body_bytes:
        return None
    return f"max_held_bytes is {settings.max_held_bytes}; it must hold one body of {settings.max_body_bytes:,} bytes"


_CHECKS: Final = (
    _host,
    _whole("port", 0, 65_535),
    _token,
    _threads,
    _whole("max_body_bytes", 64, 2**30),
    _whole("max_texts", 1, 100_000),
    _whole("max_text_chars", 1, 10_000_000),
    _whole("max_connections", 1, 1_000_000),
    _whole("max_held_bytes", 64, 2**40),
    _whole("queue_texts", 1, 1_000_000),
    _whole("batch_tokens", 8, 1_000_000),
    _number("max_wait_ms", 10_000.0, zero=True),
    _number("timeout_s", _MOST_SECONDS, zero=False),
    _number("read_timeout_s", _MOST_SECONDS, zero=False),
    _number("keep_alive_s", _MOST_SECONDS, zero=False),
    _number("grace_s", _MOST_SECONDS, zero=True),
    _queue_takes_a_request,
    _memory_takes_a_body,
)
