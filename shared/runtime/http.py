"""The HTTP face that every service has: health, metrics, commands; and how a service is served."""

import asyncio
import gc
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.observability.metrics import LAG
from shared.runtime import problems
from shared.runtime.bodies import BODY_LIMIT_BYTES, BoundedBodies
from shared.runtime.connections import BoundedHeads
from shared.runtime.service import Service
from shared.runtime.version import VERSION


def create_http(
    service: Service,
    routers: Sequence[APIRouter] = (),
    *,
    ready: Callable[[], list[str]] | None = None,
    body_limit_bytes: int = BODY_LIMIT_BYTES,
) -> FastAPI:
    """The app of a service. `ready` replaces the service's own reasons for being unready (capture's intake)."""
    app = FastAPI(
        title=f"Leadstream {service.name}",
        version=VERSION,
        lifespan=service.lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    app.add_middleware(BoundedBodies, limit=body_limit_bytes)
    problems.install(app)
    app.include_router(_operations(service, ready or service.unready_reasons))
    for router in routers:
        app.include_router(router)
    return app


def _operations(service: Service, reasons_of: Callable[[], list[str]]) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/health/live")
    async def live() -> dict[str, Any]:
        return {"live": True, "service": service.name, "version": VERSION}

    @router.get("/health/ready")
    async def ready() -> JSONResponse:
        reasons = reasons_of() or await _database_reasons(service)
        body = {"ready": not reasons, "reasons": reasons, "lag": service.lag(), "phase": service.phase}
        body["consumers"] = service.unready_reasons()  # capture is ready when it can take leads, whatever these say
        body["warnings"] = service.warnings()
        return JSONResponse(body, 200 if not reasons else 503)

    @router.get("/metrics")
    async def metrics() -> Response:
        _refresh_lag(service)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


async def _database_reasons(service: Service) -> list[str]:
    if service.name == "capture":
        return []  # capture's intake needs Kafka alone
    return [] if await service.database.reachable() else ["database unreachable"]


def _refresh_lag(service: Service) -> None:
    for lane in service.lanes:
        if lane.consumer is None:
            continue
        behind = lane.consumer.lag()
        for tp in lane.lag_shown - behind.keys():
            LAG.remove(lane.group, tp.topic, str(tp.partition))
        for tp, records in behind.items():
            LAG.labels(group=lane.group, topic=tp.topic, partition=str(tp.partition)).set(records)
        lane.lag_shown = set(behind)


class _Server(uvicorn.Server):
    """Ends when the service says so, with the service's exit code."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def main_loop(self) -> None:
        ended = asyncio.create_task(self._service.ended.wait())
        ended.add_done_callback(lambda _: setattr(self, "should_exit", True))
        await super().main_loop()
        ended.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop in order; a signal that asked for it is not raised again, so that the exit code is the service's."""
        await super().shutdown(sockets)
        self._captured_signals.clear()


def serve(build_app: Callable[[], FastAPI]) -> None:
    """Run a service until it is told to stop or cannot go on. Exit code 0 or 1."""
    app = build_app()
    service: Service = app.state.service
    # Batches make very many short-lived objects and next to no cycles: counting them often costs a fifth of the CPU.
    gc.freeze()
    gc.set_threshold(500_000, 50, 100)
    config = uvicorn.Config(
        app,
        host=service.settings.http_host,
        port=service.settings.http_port,
        loop="shared.runtime.server_names:Loop",
        http=BoundedHeads,
        log_config=None,
        access_log=False,
        forwarded_allow_ips=service.settings.trusted_proxies,
        server_header=False,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=30,
    )
    _Server(config, service).run()
    sys.exit(service.exit_code)
