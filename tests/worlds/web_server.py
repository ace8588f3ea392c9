"""uvicorn in a thread of this process, on a port of its own."""

import asyncio
import socket
import threading
from typing import Any, Final, Self

import uvicorn

PATIENCE_SECONDS: Final = 20.0


class WebServer:
    """Serves one application; ``stop`` waits until all it began has ended."""

    def __init__(self, app: Any) -> None:
        self._listener: Final = socket.create_server(("127.0.0.1", 0))
        self._server: Final = uvicorn.Server(uvicorn.Config(app, log_config=None))
        self._thread: Final = threading.Thread(
            target=asyncio.run, args=(self._server.serve(sockets=[self._listener]),)
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()
        self._listener.close()

    def request(self, path: str) -> socket.socket:
        """A connection on which a request was made; the answer is not read."""
        connection = socket.create_connection(self._listener.getsockname(), PATIENCE_SECONDS)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
        return connection
