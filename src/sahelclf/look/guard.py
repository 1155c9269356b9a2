"""What a request must pass first: its host, its origin, its size; and headers of every answer."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

MOST_BYTES = 2_000_000
MOST_READ = 20_000_000  # of a body that is refused, so that its sender reads the answer
HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Guard:
    """Refuses requests of other hosts and pages and bodies that are too long, before the app.

    A page of another site can send requests to this machine's loopback address. Its name is then
    in the header Host (where its DNS entry points here) or in Origin.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with what is wrong."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        refused = _refused(headers)
        body, received, more = b"", 0, True
        while more and received <= MOST_READ:  # an answer before the body's end would be lost
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            chunk = message.get("body", b"")
            received, more = received + len(chunk), bool(message.get("more_body"))
            if refused is None and received > MOST_BYTES:
                refused, body = _too_long(), b""
            elif refused is None:
                body += chunk
        if refused:
            await _answer(_with_headers(send), *refused)
            return
        parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return parts.pop() if parts else await receive()

        await self.app(scope, again, _with_headers(send))


def _refused(headers: dict[str, str]) -> tuple[int, str] | None:
    """Status and message where a request is refused for its headers."""
    host = headers.get("host", "")
    if _name(f"//{host}") not in HOSTS:
        return 403, f"Host {host!r}; expected 127.0.0.1 or localhost"
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"http://{host}".lower():
        return 403, f"Origin {origin!r}; expected none, or the page of this server"
    length = headers.get("content-length", "0")
    if not length.isdigit():
        return 400, f"Content-Length {length!r}; expected a number"
    return _too_long() if int(length) > MOST_BYTES else None


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _too_long() -> tuple[int, str]:
    most = f"{MOST_BYTES / 1e6:.0f} MB"
    return 413, f"more than {most} at once; label larger files with: sahelclf predict"


async def _answer(send: Send, status: int, message: str) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"detail": message}).encode()})


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            added = [(k.encode(), v.encode()) for k, v in HEADERS.items()]
            message["headers"] = [*message.get("headers", []), *added]
        await send(message)

    return sent
