"""The small parts: portal, registryctl, and the log."""

import os
import signal
import socketserver
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = b"<h1>Stand-in for Harbor</h1><p>For tests and practice runs only. This is not Harbor.</p>\n"


class Part(BaseHTTPRequestHandler):
    """Answers its health; registryctl only to who knows the shared secret."""

    def do_GET(self):
        wanted = os.environ.get("JOBSERVICE_SECRET")
        good = wanted is None or self.headers.get("Authorization") == f"Harbor-Secret {wanted}"
        self.send_response(200 if good else 401)
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_):
        pass


class Sink(socketserver.StreamRequestHandler):
    """Writes what the containers log into one file."""

    def handle(self):
        folder = Path("/var/log/docker")
        for line in self.rfile:
            with (folder / "all.log").open("ab") as stream:
                stream.write(line)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if sys.argv[1] == "log":
        socketserver.ThreadingTCPServer.allow_reuse_address = True
        socketserver.ThreadingTCPServer(("", 10514), Sink).serve_forever()
    ThreadingHTTPServer(("", 8080), Part).serve_forever()
