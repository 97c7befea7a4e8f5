"""A log line can say where a task waits."""

import asyncio

from shared.observability.whereabouts import whereabouts
from tests.support.waiting import eventually


async def _inner(never: "asyncio.Future[None]") -> None:
    await never


async def _outer(never: "asyncio.Future[None]") -> None:
    await _inner(never)


async def _failing() -> None:
    raise KeyError("a person's name")


async def test_a_task_that_waits_is_named_with_all_that_it_waits_in() -> None:
    task = asyncio.create_task(_outer(asyncio.get_running_loop().create_future()))

    async def waits() -> bool:
        return " > " in whereabouts(task)

    await eventually(waits, "the task waits", every=0)
    first = _outer.__code__.co_firstlineno, _inner.__code__.co_firstlineno
    assert whereabouts(task) == f"_outer:{first[0] + 1} > _inner:{first[1] + 1}"
    task.cancel()
    await asyncio.wait([task])
    assert whereabouts(task) == "cancelled"


async def test_what_has_ended_says_how_and_tells_no_values() -> None:
    task = asyncio.create_task(_failing())
    await asyncio.wait([task])
    assert whereabouts(task) == "ended by KeyError"
    assert whereabouts(None) == "none"
