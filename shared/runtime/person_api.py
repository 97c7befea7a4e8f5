"""What a service holds of a person, for those who may hand it out: `GET /v1/leads/{lead_id}/export`."""

from collections.abc import Sequence
from typing import Any, Final

import orjson
from fastapi import APIRouter, Depends
from fastapi.responses import Response

from shared.persistence.aliases import all_ids
from shared.persistence.erasing import PersonalTables, export_all
from shared.persistence.tombstones import find_tombstones
from shared.runtime.access import Requires
from shared.runtime.reading import known_id, reading
from shared.runtime.service import Service

_HEADERS: Final = {"Cache-Control": "no-store"}


def person_router(service: Service, families: Sequence[PersonalTables]) -> APIRouter:
    """The route. It answers for every lead, with nothing where nothing is held; of a lead that was merged with all that it
    became. Exports are asked for at capture, which notes who did (`POST /v1/exports`)."""
    router = APIRouter(tags=["people"])

    @router.get("/v1/leads/{lead_id}/export", dependencies=[Depends(Requires("change"))])
    async def export(lead_id: str) -> Response:
        asked = known_id(lead_id, "lead")
        async with reading(service) as work:
            ((survivor, lead_ids),) = (await all_ids(work, [asked])).items()
            erased = bool(await find_tombstones(work, [survivor]))
            found = await export_all(families, work, lead_ids)
        body = {"service": service.name, "lead_id": survivor, "lead_ids": lead_ids, "erased": erased, **found}
        return Response(orjson.dumps(body, default=_plain), media_type="application/json", headers=_HEADERS)

    return router


def _plain(value: Any) -> Any:
    """Decimals, bytes and the like as text."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
