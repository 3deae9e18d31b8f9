"""The list of tools is checked and spelled once, and every answer with it is a whole one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from components import ECHO
from doors import ERAS, in_memory
from mcp import MCPError, types
from workbench import ECHO_JSON, ECHO_MANIFEST, Workbench, workbench

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from mcp import Client


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """Two tools."""
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    bench.add("ant", ECHO)
    return bench


def with_client(bench: Workbench, era: str, talk: Callable[[Client], Awaitable[None]]) -> None:
    async def main() -> None:
        async with in_memory(bench.runtime(), era) as client:
            await talk(client)

    anyio.run(main)


@pytest.mark.parametrize("era", ERAS)
def test_a_list_that_was_asked_for_before_is_the_same_in_everything(
    era: str, bench: Workbench
) -> None:
    async def talk(client: Client) -> None:
        first, second, third = [await client.session.list_tools() for _ in range(3)]

        assert [tool.name for tool in first.tools] == ["ant.echo", "echo"]
        assert first == second == third

    with_client(bench, era, talk)


@pytest.mark.parametrize("era", ERAS)
def test_the_sdk_spells_the_tools_for_one_request_and_no_other(
    era: str, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    spelled: list[int] = []
    dump = types.ListToolsResult.model_dump

    def counted(self: types.ListToolsResult, **options: Any) -> dict[str, Any]:
        spelled.append(len(self.tools))
        return dump(self, **options)

    async def talk(client: Client) -> None:
        monkeypatch.setattr(types.ListToolsResult, "model_dump", counted)
        for _ in range(3):
            await client.session.list_tools()

    with_client(bench, era, talk)

    assert spelled == [2, 0, 0]


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("era", ERAS)
def test_a_request_that_is_no_good_is_refused_however_often_the_list_was_sent(
    era: str, bench: Workbench
) -> None:
    async def talk(client: Client) -> None:
        await client.session.list_tools()
        wrong = types.PaginatedRequestParams.model_construct(cursor=[1])

        with pytest.raises(MCPError) as caught:
            await client.session.list_tools(params=wrong)

        assert caught.value.error.code == types.INVALID_PARAMS

    with_client(bench, era, talk)
