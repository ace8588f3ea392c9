"""One kept-alive HTTP connection to the sidecar, on the standard library's client.

Everything of the HTTP stack is imported at the first request, in the thread that sends: a cold
start pays nothing for it.
"""

import os
import zlib
from typing import TYPE_CHECKING, Final

from afterword import names
from afterword.delivery.retry import Answer

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse

GZIP_FROM_BYTES: Final = 8 * 1024
"""Below this a body fits a few packets, and packing it saves nobody anything."""
NEVER: Final = 1 << 62

_FASTEST: Final = 1
_GZIP: Final = 31
_MOST_ANSWER_BYTES: Final = 64 * 1024
_PATH: Final = "/v1/logs"


class Connection:
    """Posts bodies to ``{endpoint}/v1/logs``, one at a time.

    Raises ``ValueError`` at construction for an endpoint that is no ``http(s)://host[:port][/path]``
    or a token that no header can carry (the message never shows the token). Bodies are packed from
    ``gzip_from_bytes`` on; without it, from 8 KiB on if the sidecar is on another host.
    """

    def __init__(self, endpoint: str, token: str, gzip_from_bytes: int | None = None) -> None:
        from urllib.parse import urlsplit  # noqa: PLC0415 - not part of a start without an endpoint

        parts = urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(
                f"endpoint {endpoint!r} is no address; give one like http://localhost:4318"
            )
        if not (token.isascii() and token.isprintable()):
            raise ValueError("the token has characters that no HTTP header can carry")
        self.endpoint: Final = endpoint
        self._secure: Final = parts.scheme == "https"
        self._host: Final[str] = parts.hostname
        self._port: Final = parts.port
        self._path: Final = parts.path.rstrip("/") + _PATH
        if gzip_from_bytes is None:
            # Packing costs a fifth of all the work of sending, for nothing on the same host.
            gzip_from_bytes = NEVER if _is_this_host(parts.hostname) else GZIP_FROM_BYTES
        self._gzip_from_bytes: Final = gzip_from_bytes
        self._headers: Final = {"Content-Type": "application/json", "User-Agent": names.SCOPE_NAME}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._http: HTTPConnection | None = None

    def post(self, body: bytes, *, book: str, timeout_seconds: float) -> Answer:
        """Send one OTLP/JSON request; its answer, whatever the status.

        Raises ``OSError`` when there is none: refused, reset, or no sign of life for
        ``timeout_seconds``.
        """
        from http.client import HTTPException  # noqa: PLC0415 - see the module

        headers = dict(self._headers)
        if book:
            headers[names.BOOK_HEADER] = book
        if len(body) >= self._gzip_from_bytes:
            packer = zlib.compressobj(_FASTEST, wbits=_GZIP)
            body = packer.compress(body) + packer.flush()
            headers["Content-Encoding"] = "gzip"
        try:
            if self._http is not None:
                try:
                    return self._exchange(self._http, body, headers, timeout_seconds)
                except ConnectionError:
                    # It was kept alive, and the other side has closed it meanwhile: no failure yet.
                    self.close()
            self._http = self._connect(timeout_seconds)
            return self._exchange(self._http, body, headers, timeout_seconds)
        except (HTTPException, ValueError) as error:  # the latter: a host that is no name for DNS
            self.close()
            raise ConnectionError(f"no HTTP answer: {error!r}") from error
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection, if it is open; the next ``post`` makes another."""
        http, self._http = self._http, None
        if http is not None:
            http.close()

    def abandon(self) -> None:
        """In a forked child: close the inherited socket, and nothing of what reads from it.

        A thread of the parent that was reading an answer holds that reader's lock, for ever here.
        """
        http, self._http = self._http, None
        if http is not None and http.sock is not None:
            os.close(http.sock.detach())

    def _connect(self, timeout_seconds: float) -> "HTTPConnection":
        from http import client  # noqa: PLC0415 - see the module

        kind = client.HTTPSConnection if self._secure else client.HTTPConnection
        return kind(self._host, self._port, timeout=timeout_seconds)

    def _exchange(
        self, http: "HTTPConnection", body: bytes, headers: dict[str, str], timeout_seconds: float
    ) -> Answer:
        if http.sock is not None:
            http.sock.settimeout(timeout_seconds)
        http.request("POST", self._path, body, headers)
        response = http.getresponse()
        content = response.read(_MOST_ANSWER_BYTES)
        self._finish(response)
        answered = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, answered, content)

    def _finish(self, response: "HTTPResponse") -> None:
        """Leave the connection ready for the next request, or leave it."""
        if not response.isclosed() and response.read(1):
            self.close()  # an answer longer than any of ours: it is not read to its end


def _is_this_host(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")
