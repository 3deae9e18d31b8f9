"""One suite for every way in which guests are run.

What holds for the code of one compiler must hold for the other's, and what holds in this process
must hold in a worker.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast, get_args

import pytest
from guests import REPORTED, Pinned

from hatchway.core.surface import Compiler
from hatchway.engine.settings import has_winch

if TYPE_CHECKING:
    from collections.abc import Iterator

BOTH = frozenset(
    {"test_forged_causes", "test_gates", "test_isolation", "test_limits", "test_pointers"}
)
"""The modules whose guests are compiled by each; only what is marked slow is run once."""


IN_WORKERS = BOTH | {"test_extism", "test_preview1_files", "test_tools", "test_wasi02_files"}
"""The modules whose guests are also run in workers; only what is marked slow is not."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test of those modules once in each way."""
    is_slow = any(
        mark.name in ("slow", "in_process") for mark in metafunc.definition.iter_markers()
    )
    module = metafunc.module.__name__.rpartition(".")[2]
    ways: list[str] = [*get_args(Compiler)] if module in BOTH else ["thread"]
    if module in IN_WORKERS:
        ways.append("worker")
    if len(ways) > 1 and not is_slow:
        metafunc.fixturenames.append("way")
        metafunc.parametrize("way", ways, indirect=True)


@pytest.fixture
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """Which compiler every guest of the test has, or that it runs in a worker."""
    chosen: str = request.param
    if chosen == "worker":
        Pinned.isolation = "worker"
        if sys.platform != "linux":
            pytest.skip("only Linux has workers")
    elif chosen == "winch" and not has_winch():
        pytest.skip("Winch is used on x86-64 only")
    elif chosen != "thread":
        Pinned.compiler = cast("Compiler", chosen)
    REPORTED.clear()
    yield chosen
    Pinned.compiler, Pinned.isolation = None, "thread"
    # A guest that WebAssembly holds does nothing that the kernel would have to refuse.
    assert REPORTED == []
