"""A service for tests of the supervisor: `service_program.py MODE`, where MODE is ready, unready, or ends."""

import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

mode = sys.argv[1]
print(f"replica {os.environ['LEADSTREAM_REPLICA']} {mode}", flush=True)
if mode == "ends":
    print("no database today", flush=True)
    sys.exit(7)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"lag": 42}'
        self.send_response(200 if mode == "ready" else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


HTTPServer(("127.0.0.1", int(os.environ["LEADSTREAM_HTTP_PORT"])), Handler).serve_forever()
