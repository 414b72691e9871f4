#!/usr/bin/env python3
"""HTTP server at the port given: a POST is answered with the SHA-256 of its body, in
hexadecimal."""

import hashlib
import http.server
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    """Reads a body in pieces and answers with its sum."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:  # noqa: N802
        """The name is http.server's."""
        digest, left = hashlib.sha256(), int(self.headers["Content-Length"])
        while left > 0:
            piece = self.rfile.read(min(left, 1 << 16))
            if not piece:
                return
            digest.update(piece)
            left -= len(piece)
        answer = digest.hexdigest().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


http.server.ThreadingHTTPServer(("", int(sys.argv[1])), Handler).serve_forever()
