"""Granting tools to tools: what is granted has to be there, and one is told what it reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from components import ECHO
from guests import wasm

if TYPE_CHECKING:
    from pathlib import Path

    from terminal import Terminal


@pytest.fixture
def shop(terminal: Terminal, here: Path) -> Terminal:
    """A terminal where `ant` and `bee` are admitted; both have a function `echo`."""
    for name in ("ant", "bee"):
        (here / f"{name}.wasm").write_bytes(wasm(ECHO))
        assert terminal.run("add", f"{name}.wasm", "--yes").status == 0
    return terminal


@pytest.mark.parametrize("wanted", ["tool=bee", "tool=bee.echo", "tool=ant", "tool=ant.echo"])
def test_a_tool_or_a_function_that_is_there_can_be_granted(wanted: str, shop: Terminal) -> None:
    done = shop.run("grant", "ant", wanted)

    assert done.status == 0, done.err


@pytest.mark.parametrize(
    ("wanted", "message", "hint"),
    [
        ("tool=cow", "no entry is called 'cow'", "hatchway add SOURCE --name cow"),
        ("tool=bee.moo", "'bee' has no function 'moo'", "hatchway show bee"),
        ("tool=ant.moo", "'ant' has no function 'moo'", "hatchway show ant"),
    ],
)
def test_what_is_not_there_cannot_be_granted(
    wanted: str, message: str, hint: str, shop: Terminal
) -> None:
    done = shop.run("grant", "ant", wanted)

    assert (done.status, done.code) == (2, "config.unknown_tool")
    assert message in done.err
    assert hint in done.err


@pytest.mark.parametrize(("wanted", "status"), [("tool=new", 0), ("tool=bee", 0), ("tool=cow", 2)])
def test_a_tool_can_be_added_with_a_grant_of_itself_and_of_what_is_there(
    wanted: str, status: int, shop: Terminal
) -> None:
    done = shop.run("add", "ant.wasm", "--name", "new", "--allow", wanted, "--yes")

    assert done.status == status, done.err


def test_doctor_and_explain_say_what_a_tool_reaches_through_others(shop: Terminal) -> None:
    shop.run("grant", "bee", "clock")
    shop.run("grant", "ant", "tool=bee")

    looked, asked = shop.run("doctor"), shop.run("explain", "ant", "tool=bee.echo")

    assert "ok       tools of ant: reaches ant (nothing), bee (clock)\n" in looked.out
    assert "tools of bee" not in looked.out
    decided, where = asked.out.splitlines()
    assert decided.startswith("allowed: tool=bee at ")
    assert decided.endswith(" covers tool=bee.echo; it reaches bee (clock)")
    assert where.startswith("it runs in a thread")
