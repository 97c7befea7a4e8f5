"""Traces: one span a batch, linked to the records' own traces; off unless an OTLP endpoint is set."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from shared.handling.records import Record

_MAX_LINKS: Final = 64
_enabled = False


def configure(service: str, version: str) -> None:
    """Export spans by OTLP/HTTP when OTEL_EXPORTER_OTLP_ENDPOINT is set; OTEL_* variables do the rest."""
    global _enabled
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": service, "service.version": version}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    _enabled = True


@contextmanager
def batch_span(group: str, records: "Sequence[Record]") -> Iterator[None]:
    """A span around a batch, with links to the traces that its records carry."""
    if not _enabled:
        yield
        return
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    propagator = TraceContextTextMapPropagator()
    carriers = {r.traceparent for r in records if r.traceparent}
    contexts = [propagator.extract({"traceparent": c.decode("ascii", "replace")}) for c in list(carriers)[:_MAX_LINKS]]
    links = [trace.Link(trace.get_current_span(context).get_span_context()) for context in contexts]
    tracer = trace.get_tracer("leadstream")
    with tracer.start_as_current_span(f"{group} batch", links=links, attributes={"records": len(records)}):
        yield
