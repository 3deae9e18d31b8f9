"""The engines' clock: it raises the epoch every `TICK_SECONDS` while calls run.

The epoch belongs to the engine, so raising it to stop one call would stop them all. It only
ever advances like a clock; each store counts its own ticks and then asks what time it is.

On Linux with glibc the ticks come from a POSIX timer whose notifications run on C threads
that call straight into wasmtime. They need no GIL: a program that holds it for seconds
cannot keep a guest alive. Elsewhere a Python thread ticks, which such a program delays.

Every notification is a new thread, about 1.5 % of a core at this rate. So the timer is
armed by the first call that starts, and disarmed when no call ran for a second: doing it at
the end of each call would cost more than half of what a small call costs.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from typing import Any, ClassVar, Literal, Protocol

from hatchway.engine import capi

TICK_SECONDS = 0.01
"""A deadline may be late by 100 ms; ten ticks leave room for a busy machine."""

_IDLE_SECONDS = 1.0

TickerKind = Literal["timer", "thread"]

_CLOCK_MONOTONIC = 1
_SIGEV_THREAD = 2


class _Source(Protocol):
    def arm(self) -> None: ...

    def disarm(self) -> None: ...


class Ticker:
    """Raises the epoch of its engines for as long as some call is running.

    The engines must never be freed: a notification may be on its way.
    """

    def __init__(self, engine: int, *, kind: TickerKind | None = None) -> None:
        """Prepare to tick.

        Args:
            engine: The C pointer of an engine that lives as long as the process.
            kind: `timer` or `thread`; by default the timer where there is one.
        """
        self.kind: TickerKind = kind or ("timer" if _has_posix_timers() else "thread")
        self._sources = [self._source(engine)]
        self._lock = threading.Lock()
        self._running_calls = 0
        self._calls_started = 0
        self._is_armed = False

    def also_tick(self, engine: int) -> None:
        """Raise the epoch of this engine too, from now on."""
        with self._lock:
            source = self._source(engine)
            if self._is_armed:
                source.arm()
            self._sources.append(source)

    def call_starts(self, at_most: int) -> bool:
        """Tick from now on, until as many calls have ended; False if `at_most` run already."""
        with self._lock:
            if self._running_calls >= at_most:
                return False
            if not self._is_armed:
                self._arm()
            self._running_calls += 1
            self._calls_started += 1
            return True

    def call_ends(self) -> None:
        """One of the calls that need ticks is over."""
        with self._lock:
            self._running_calls -= 1

    def _source(self, engine: int) -> _Source:
        return _Timer(engine) if self.kind == "timer" else _Thread(engine)

    def _arm(self) -> None:
        for source in self._sources:
            source.arm()
        self._is_armed = True
        threading.Thread(target=self._disarm_when_idle, name="hatchway-idle", daemon=True).start()

    def _disarm_when_idle(self) -> None:
        seen = -1
        while True:
            time.sleep(_IDLE_SECONDS)
            with self._lock:
                if self._running_calls == 0 and self._calls_started == seen:
                    for source in self._sources:
                        source.disarm()
                    self._is_armed = False
                    return
                seen = self._calls_started


class _SignalEvent(ctypes.Structure):
    # struct sigevent of glibc on 64-bit Linux; 64 bytes.
    _fields_: ClassVar[Any] = [
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("function", ctypes.c_void_p),
        ("attributes", ctypes.c_void_p),
        ("padding", ctypes.c_byte * 32),
    ]


class _TimerSpec(ctypes.Structure):
    _fields_: ClassVar[Any] = [
        ("interval_seconds", ctypes.c_long),
        ("interval_nanoseconds", ctypes.c_long),
        ("first_seconds", ctypes.c_long),
        ("first_nanoseconds", ctypes.c_long),
    ]


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _has_posix_timers() -> bool:
    return sys.platform == "linux" and hasattr(_libc(), "timer_create")


class _Timer:
    """`timer_create` with `SIGEV_THREAD`: C threads only, no Python, no GIL."""

    def __init__(self, engine: int) -> None:
        libc = _libc()
        notify = capi.engine_increment_epoch_address
        event = _SignalEvent(engine, 0, _SIGEV_THREAD, notify, None)
        timer = ctypes.c_void_p()
        if libc.timer_create(_CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(timer)):
            raise OSError(ctypes.get_errno(), "timer_create failed")
        nanoseconds = round(TICK_SECONDS * 1e9)
        self._ticking = _TimerSpec(0, nanoseconds, 0, nanoseconds)
        self._still = _TimerSpec(0, 0, 0, 0)
        # Without errno handling, and keeping the GIL: this is on the path of every call.
        prototype = ctypes.PYFUNCTYPE(
            ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p
        )
        settime: Any = prototype(("timer_settime", libc))
        ticking, still = ctypes.addressof(self._ticking), ctypes.addressof(self._still)
        self._arm: Any = lambda: settime(timer, 0, ticking, None)
        self._disarm: Any = lambda: settime(timer, 0, still, None)

    def arm(self) -> None:
        if self._arm():
            message = "the epoch timer cannot be armed"
            raise OSError(message)

    def disarm(self) -> None:
        self._disarm()


class _Thread:
    """A Python thread; it needs the GIL for a moment at every tick."""

    def __init__(self, engine: int) -> None:
        self._engine = engine
        self._armed = threading.Event()
        threading.Thread(target=self._tick, name="hatchway-ticker", daemon=True).start()

    def arm(self) -> None:
        self._armed.set()

    def disarm(self) -> None:
        self._armed.clear()

    def _tick(self) -> None:
        while True:
            self._armed.wait()
            due = time.monotonic()
            while self._armed.is_set():
                due += TICK_SECONDS
                delay = due - time.monotonic()
                if delay > 0:
                    time.sleep(delay)
                # When late, the missed ticks follow at once.
                capi.engine_increment_epoch(self._engine)
