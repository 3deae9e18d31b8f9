"""`AsyncSandbox`: runs are awaited, and a task that is cancelled takes its guest with it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from code_homes import move_in

from hatchway import AsyncSandbox
from hatchway.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch) -> None:
    move_in(monkeypatch)


def test_runs_go_on_side_by_side_and_leave_the_loop_free() -> None:
    values: dict[int, Any] = {}

    async def main() -> None:
        async with AsyncSandbox(at_once=2) as box, anyio.create_task_group() as group:
            await box.prepare()

            async def run(number: int) -> None:
                outcome = await box.python("number * 2", inputs={"number": number})
                values[number] = outcome.value

            for number in range(6):
                group.start_soon(run, number)

    anyio.run(main)

    assert values == {number: number * 2 for number in range(6)}


def test_a_task_that_is_cancelled_stops_its_guest() -> None:
    ended = threading.Event()
    seen: list[Mapping[str, Any]] = []

    def watch(event: Mapping[str, Any]) -> None:
        seen.append(event["unmapped"]["hatchway"])
        ended.set()

    async def main() -> None:
        async with AsyncSandbox(events=watch) as box:
            await box.prepare()
            with anyio.move_on_after(0.3) as scope:
                await box.python("while True: pass")
            assert scope.cancelled_caught

    anyio.run(main)

    assert ended.wait(timeout=5)
    assert [(event["event"], event["code"]) for event in seen] == [
        ("call.failed", "call.cancelled")
    ]


def test_functions_may_be_coroutines_of_the_loop() -> None:
    loops: list[int] = []

    async def lookup(key: str) -> str:
        loops.append(threading.get_ident())
        await anyio.lowlevel.checkpoint()
        return key.upper()

    async def main() -> Any:
        loops.append(threading.get_ident())
        async with AsyncSandbox(functions={"lookup": lookup}) as box:
            return await box.python("import tools\ntools.call('lookup', key='ada')")

    outcome = anyio.run(main)

    assert outcome.value == "ADA", outcome.exception
    assert len(set(loops)) == 1


def test_what_is_misspelt_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="expected a duration"):
        AsyncSandbox(deadline="soon")


def test_an_error_of_the_library_reaches_whoever_awaits() -> None:
    async def main() -> None:
        box = AsyncSandbox()
        await box.aclose()
        with pytest.raises(ConfigError, match="closed"):
            await box.javascript("1")

    anyio.run(main)
