"""The server of `look` in this process, on a free port, and requests to it as any client sends."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from sahelclf.look.app import make_app
from sahelclf.look.serve import _listen
from sahelclf.look.service import Service


class Client:
    """Requests to one port of this machine."""

    def __init__(self, port: int) -> None:
        self.port, self.address = port, f"http://127.0.0.1:{port}"
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def __call__(self, method: str, path: str, body: object = None, **headers: str):
        """Status, headers, and the body as JSON where it is that."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        sent = {"content-type": "application/json"} | {
            k.replace("_", "-"): v for k, v in headers.items()
        }
        self.connection.request(method, path, data, sent)
        answer = self.connection.getresponse()
        text = answer.read()
        of_json = "json" in answer.headers.get("content-type", "")
        return answer.status, answer.headers, json.loads(text) if of_json else text.decode()


@contextmanager
def running(labeller, model: str = "bundles/one") -> Iterator[Client]:
    """A server until the block ends."""
    listening = _listen(0)
    config = uvicorn.Config(
        make_app(Service(labeller, model)), log_level="error", timeout_keep_alive=60
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    client = Client(listening.getsockname()[1])
    try:
        yield client
    finally:
        client.connection.close()
        server.should_exit = True
        thread.join(30)
