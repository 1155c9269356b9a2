"""Run the server on the loopback address until it is stopped."""

import logging
import socket
import webbrowser

import uvicorn
from threadpoolctl import threadpool_limits

from sahelclf.bundle.labeller import Labeller
from sahelclf.errors import RequestError
from sahelclf.look.app import make_app
from sahelclf.look.service import Service

LOG = logging.getLogger(__name__)
HOST, PORT = "127.0.0.1", 8765
TRIES = 20  # ports that are tried where none is named


def serve(labeller: Labeller, model: str, port: int | None = None, *, browser: bool = True) -> None:
    """Serve a labeller until Ctrl-C.

    Parameters
    ----------
    port
        None takes the first free one from `PORT` on; 0 any free one.
    browser
        Open the page in the user's browser.
    """
    listening = _listen(port)
    address = f"http://{HOST}:{listening.getsockname()[1]}"
    with threadpool_limits(1, user_api="blas"):
        app = make_app(Service(labeller, model))
        LOG.info("%s    (REST interface: %s/docs; stop with Ctrl-C)", address, address)
        if browser:
            webbrowser.open(address)
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
        uvicorn.Server(config).run(sockets=[listening])


def _listen(port: int | None) -> socket.socket:
    """A socket on the loopback address alone."""
    ports = [port] if port is not None else [*range(PORT, PORT + TRIES)]
    for number in ports:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, number))
        except (OSError, OverflowError) as error:
            listening.close()
            reason = error
        else:
            return listening
    raise RequestError(f"--port {ports[0]}: {reason}; choose another one, such as --port 0")
