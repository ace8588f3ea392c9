"""A function that is a ``BaseHTTPRequestHandler``."""

from http.server import BaseHTTPRequestHandler

import work


class handler(BaseHTTPRequestHandler):  # noqa: N801 - the name that Vercel looks for
    """Hands over what the path names, then answers."""

    def do_GET(self) -> None:
        """Any path."""
        work.hand_over(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")
