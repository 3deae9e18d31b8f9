"""`hatchway demo`: an offline tour, outside and inside the sandbox."""

from __future__ import annotations

import signal
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from hatchway.cli.options import Json
from hatchway.cli.output import print_json, say
from hatchway.core.errors import CallError


def demo(json: Json = False) -> int:
    """Take an offline tour: one attack outside and inside the sandbox, then real tools.

    Everything happens in a temporary directory and on loopback; nothing is left behind.
    """
    # Here, because no other command needs a web server and an engine to start.
    from hatchway.cli.tour import report
    from hatchway.cli.tour.inside import run_inside
    from hatchway.cli.tour.outside import run_outside
    from hatchway.cli.tour.verdict import facts_of, verdict_on

    started = time.monotonic()
    with _Stop() as stop, tempfile.TemporaryDirectory(prefix="hatchway-demo-") as directory:
        root = Path(directory).resolve()

        def progress(words: str) -> None:
            stop.check()
            say(words)

        progress("running five tools as plain processes")
        outside = run_outside(root / "outside")
        if not json:
            report.tell_outside(outside)
        inside = run_inside(root / "inside", progress)
        stop.check()
        if not json:
            report.tell_inside(inside)
            report.tell_times(outside, inside)
            report.tell_tools(inside)
    verdict = verdict_on(outside, inside)
    seconds = time.monotonic() - started
    if json:
        print_json(facts_of(outside, inside, seconds=seconds))
    else:
        report.tell_verdict(verdict, seconds=seconds)
    return 0 if verdict.is_held else CallError.exit_status


class _Stop:
    """Lets whatever is meant to end the tour end it like an interrupt: everything cleaned up.

    An exception that a signal raises is lost when Python happens to be in a finaliser, so
    the wish to stop is also remembered and looked at between the steps.
    """

    _DEFAULTS = (signal.SIG_DFL, signal.default_int_handler)

    def __init__(self) -> None:
        self._is_asked_for = False
        self._replaced: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # What somebody else decided about a signal stays, `nohup` for example.
            if signal.getsignal(number) in self._DEFAULTS:
                self._replaced[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_ending: object) -> None:
        for number, handler in self._replaced.items():
            signal.signal(number, handler)

    def _ask(self, _number: int, _frame: object) -> None:
        # Only once: a second signal must not interrupt the cleaning up.
        if not self._is_asked_for:
            self._is_asked_for = True
            raise KeyboardInterrupt

    def check(self) -> None:
        """Go no further when the tour was asked to end.

        Raises:
            KeyboardInterrupt: It was.
        """
        if self._is_asked_for:
            raise KeyboardInterrupt
