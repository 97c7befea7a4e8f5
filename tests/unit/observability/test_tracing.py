"""Traces: a batch's span is exported by OTLP, linked to the traces that its records carry; nothing without an endpoint."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PROGRAM = f"""
import sys
from shared.handling.records import Record
from shared.observability import tracing
tracing.configure("scoring", "test")
parent = b"00-{TRACE}-00f067aa0ba902b7-01"
record = Record("leads.captured.v1", "id", 0, 0, 0, None, None, (), "e", "lead.captured", "s", "x", "t", parent)
with tracing.batch_span("scoring", [record]):
    pass
if "opentelemetry.sdk.trace" in sys.modules:
    from opentelemetry import trace
    trace.get_tracer_provider().force_flush()
else:
    print("off")
"""


class Collector(BaseHTTPRequestHandler):
    """Takes what an exporter posts."""

    bodies: list[tuple[str, bytes]] = []

    def do_POST(self) -> None:
        self.bodies.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


def run(**env: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env={**clean, **env}, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_a_batch_is_exported_and_linked_to_its_records() -> None:
    server = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        run(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.server_port}", OTEL_EXPORTER_OTLP_COMPRESSION="none")
    finally:
        server.shutdown()
    [(path, body)] = Collector.bodies
    assert path == "/v1/traces"
    assert b"scoring batch" in body
    assert bytes.fromhex(TRACE) in body


def test_nothing_is_loaded_without_an_endpoint() -> None:
    assert run().strip() == "off"
