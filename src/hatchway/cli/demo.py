"""`hatchway demo`: an offline tour, outside and inside the sandbox."""

from __future__ import annotations

import contextlib
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.cli.demo_inside import run_inside
from hatchway.cli.demo_outside import run_outside
from hatchway.cli.demo_report import (
    tell_inside,
    tell_outside,
    tell_times,
    tell_tools,
    tell_verdict,
)
from hatchway.cli.demo_verdict import facts_of, verdict_on
from hatchway.cli.options import Json
from hatchway.cli.output import print_json, say
from hatchway.core.errors import CallError

if TYPE_CHECKING:
    from collections.abc import Iterator


def demo(json: Json = False) -> int:
    """Take an offline tour: one attack outside and inside the sandbox, then real tools.

    Everything happens in a temporary directory and on loopback; nothing is left behind.
    """
    started = time.monotonic()
    with _ended_in_order(), tempfile.TemporaryDirectory(prefix="hatchway-demo-") as directory:
        root = Path(directory).resolve()
        say("running five tools as plain processes")
        outside = run_outside(root / "outside")
        if not json:
            tell_outside(outside)
        inside = run_inside(root / "inside", say)
        if not json:
            tell_inside(inside)
            tell_times(outside, inside)
            tell_tools(inside)
    verdict = verdict_on(outside, inside)
    seconds = time.monotonic() - started
    if json:
        print_json(facts_of(outside, inside, seconds=seconds))
    else:
        tell_verdict(verdict, seconds=seconds)
    return 0 if verdict.is_held else CallError.exit_status


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let a termination or a hang-up end the tour like an interrupt: everything cleaned up."""
    numbers = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is signal.SIG_DFL
    ]
    for number in numbers:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
