"""Ports for programs that cannot be asked which one they took, or must have the same one twice."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port(port: int = 0) -> Iterator[int]:
    """A port of the loopback address that nobody is given by chance meanwhile.

    It is bound, and nobody listens on it: connections are refused, the kernel hands it out to no
    one who asks for any port, and who asks for this one, as servers do with ``SO_REUSEADDR``, has
    it.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", port))
        yield int(holder.getsockname()[1])
