"""Guests of both compilers: what holds for the code of one must hold for the other's."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
from guests import Pinned

from hatchway.core.surface import Compiler
from hatchway.engine.settings import has_winch

if TYPE_CHECKING:
    from collections.abc import Iterator

BOTH = frozenset(
    {"test_forged_causes", "test_gates", "test_isolation", "test_limits", "test_pointers"}
)
"""The modules whose guests are compiled by each; only what is marked slow is run once."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test of those modules once with each compiler."""
    is_slow = any(mark.name == "slow" for mark in metafunc.definition.iter_markers())
    if metafunc.module.__name__.rpartition(".")[2] in BOTH and not is_slow:
        metafunc.fixturenames.append("compiler")
        metafunc.parametrize("compiler", get_args(Compiler), indirect=True)


@pytest.fixture
def compiler(request: pytest.FixtureRequest) -> Iterator[Compiler]:
    """The compiler of every guest of the test."""
    chosen: Compiler = request.param
    if chosen == "winch" and not has_winch():
        pytest.skip("Winch is used on x86-64 only")
    Pinned.compiler = chosen
    yield chosen
    Pinned.compiler = None
