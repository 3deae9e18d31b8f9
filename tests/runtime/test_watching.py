"""The thread that looks: it takes up what changed, does what it is asked, and ends."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from live import Live, own

from hatchway.core.errors import ConfigError
from hatchway.runtime import watching
from hatchway.runtime.watching import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEVER = 3600.0
SOON = 0.01


@pytest.fixture
def server(tmp_path: Path) -> Live:
    return own(tmp_path, "echo")


@pytest.fixture(autouse=True)
def _all_threads_end() -> Iterator[None]:
    yield
    assert "hatchway-watch" not in [thread.name for thread in threading.enumerate()]


def watcher(server: Live, *, interval_seconds: float) -> Watcher:
    return Watcher(server.reloader, server.lines.append, interval_seconds=interval_seconds)


def noticed(server: Live) -> threading.Event:
    """Set when another generation is in force."""
    event = threading.Event()
    server.runtime.follow(event.set)
    return event


def with_fuel(server: Live, fuel: int) -> None:
    text = server.policy.read_text().partition("\n[tools.echo.limits]")[0]
    server.policy.write_text(f"{text}\n[tools.echo.limits]\nfuel = {fuel}\n")


def fuel_of(server: Live) -> int:
    return server.runtime.catalog.policy.tools["echo"].limits.fuel


def test_a_change_is_taken_up_without_being_asked(server: Live) -> None:
    changed = noticed(server)
    watch = watcher(server, interval_seconds=SOON)
    watch.start()

    with_fuel(server, 12_345)
    has_changed = changed.wait(30)
    watch.stop()

    assert has_changed
    assert fuel_of(server) == 12_345


def test_nothing_is_loaded_while_nothing_changes(server: Live) -> None:
    looks = threading.Semaphore(0)
    changed = noticed(server)
    look = server.reloader.look

    def counted() -> None:
        look()
        looks.release()

    server.reloader.look = counted  # type: ignore[method-assign]
    watch = watcher(server, interval_seconds=SOON)
    watch.start()
    looked = [looks.acquire(timeout=30) for _ in range(5)]
    watch.stop()

    assert all(looked)
    assert not changed.is_set()


def test_a_wish_to_reload_does_not_wait_for_the_next_look(server: Live) -> None:
    changed = noticed(server)
    watch = watcher(server, interval_seconds=NEVER)
    watch.start()

    watch.reload()
    has_changed = changed.wait(30)
    watch.stop()

    assert has_changed


def test_a_signal_may_wish_it_at_any_moment(server: Live) -> None:
    changed = noticed(server)
    watch = watcher(server, interval_seconds=NEVER)
    watch.start()
    before = signal.signal(signal.SIGUSR1, lambda *_: watch.reload())
    try:
        for _ in range(200):
            os.kill(os.getpid(), signal.SIGUSR1)
        has_changed = changed.wait(30)
    finally:
        signal.signal(signal.SIGUSR1, before)
        watch.stop()

    assert has_changed


def test_files_that_never_rest_are_taken_up_all_the_same(
    server: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "SETTLE_SECONDS", 0.001)
    changed = noticed(server)
    is_over = threading.Event()

    def restless() -> None:
        number = 10_000
        while not is_over.is_set():
            number += 1
            with_fuel(server, number)

    writer = threading.Thread(target=restless)
    watch = watcher(server, interval_seconds=SOON)
    watch.start()
    writer.start()
    has_changed = changed.wait(60)
    is_over.set()
    writer.join()
    at_the_end = server.policy.read_text()
    bound = time.monotonic() + 60
    while f"fuel = {fuel_of(server)}\n" not in at_the_end and time.monotonic() < bound:
        changed.clear()
        changed.wait(1)
    watch.stop()

    assert has_changed
    assert f"fuel = {fuel_of(server)}\n" in at_the_end


@pytest.mark.parametrize("wish", ["reload", "stop"])
def test_a_wish_ends_the_wait_for_files_to_rest(
    wish: str, server: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "SETTLE_SECONDS", NEVER)
    asked, changed = threading.Event(), noticed(server)
    signs = server.reloader.signs

    def marked() -> Any:
        asked.set()
        return signs()

    server.reloader.signs = marked  # type: ignore[method-assign]
    with_fuel(server, 12_345)
    watch = watcher(server, interval_seconds=SOON)
    watch.start()
    assert asked.wait(30)

    getattr(watch, wish)()
    has_changed = wish == "stop" or changed.wait(30)
    watch.stop()

    assert has_changed


def test_what_cannot_be_recorded_is_said_and_the_watch_goes_on(server: Live) -> None:
    watch = watcher(server, interval_seconds=NEVER)
    reload = server.reloader.reload
    changed = noticed(server)

    def failing() -> None:
        server.reloader.reload = reload  # type: ignore[method-assign]
        message = "cannot write events"
        raise ConfigError(message, code="config.events_unwritable")

    server.reloader.reload = failing  # type: ignore[method-assign]
    watch.start()
    watch.reload()
    while not changed.wait(0.05):
        watch.reload()
    watch.stop()

    assert "cannot write events" in server.lines
