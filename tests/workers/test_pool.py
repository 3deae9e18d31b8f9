"""Which worker a call gets: its own, a spare one, or none in time. Never somebody else's."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from posing import posed

from hatchway.core.errors import OverloadedError
from hatchway.workers import pool as pool_module
from hatchway.workers.channel import ChannelError
from hatchway.workers.keys import Key
from hatchway.workers.pool import Pool
from hatchway.workers.process import Assignment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from posing import Posed

    from hatchway.workers.process import Worker

LONG = 30.0
"""Seconds; longer than anything here takes."""
ASSIGNED = Assignment(
    pieces=(), directories=(), port=None, memory_bytes=0, file_bytes=0, table_elements=0
)


def key(tenant: str = "acme", owner: str = "grep") -> Key:
    return Key(tenant, owner, "sha256:0", None, (), None, 0, 0)


class Works:
    """Starts workers for a pool, and knows them all."""

    def __init__(self) -> None:
        self.made: list[Posed] = []
        self.fails: Exception | None = None
        self.changed = threading.Condition()

    def start(self) -> Worker:
        with self.changed:
            self.changed.notify_all()
            if self.fails is not None:
                raise self.fails
            self.made.append(posed())
            return self.made[-1].worker

    def wait(self, until: Callable[[], bool]) -> None:
        """Wait for what the pool's thread does."""
        with self.changed:
            for _ in range(3000):
                if until():
                    return
                self.changed.wait(0.01)
        pytest.fail("the pool did not do what was waited for")

    @property
    def living(self) -> list[Worker]:
        return [each.worker for each in self.made if each.worker.is_alive]


@pytest.fixture
def works() -> Iterator[Works]:
    found = Works()
    yield found
    for each in found.made:
        each.worker.end()
        each.peer.close()


@pytest.fixture
def pools(works: Works) -> Iterator[Callable[..., Pool]]:
    made: list[Pool] = []

    def make(at_most: int = 2) -> Pool:
        made.append(Pool(works.start, at_most=at_most))
        return made[-1]

    yield make
    for each in made:
        each.close()


def taken(pool: Pool, of: Key, *, is_inner: bool = False, seconds: float = LONG) -> Worker:
    worker = pool.take(of, seconds, is_inner=is_inner)
    worker.assignment = ASSIGNED
    return worker


def test_there_is_no_worker_before_somebody_needs_one(
    pools: Callable[..., Pool], works: Works
) -> None:
    before = set(threading.enumerate())
    pools()
    assert works.made == []
    assert set(threading.enumerate()) <= before


def test_a_warm_pool_has_one_worker_that_waits_for_nobody_in_particular(
    pools: Callable[..., Pool], works: Works
) -> None:
    pool = pools()
    pool.warm()
    works.wait(lambda: len(works.made) == 1)

    worker = taken(pool, key())

    assert worker is works.made[0].worker
    works.wait(lambda: len(works.made) == 2)  # the next one is on its way before it is asked for


def test_a_call_gets_the_worker_of_its_own_key_that_worked_last(
    pools: Callable[..., Pool],
) -> None:
    pool = pools()
    first, second = taken(pool, key()), taken(pool, key())
    pool.give_back(first, key(), is_inner=False)
    pool.give_back(second, key(), is_inner=False)

    assert taken(pool, key()) is second
    assert taken(pool, key()) is first


@pytest.mark.parametrize(
    "other",
    [
        key("evil"),
        key(owner="other"),
        key()._replace(digest="sha256:1"),
        key()._replace(compiler="winch"),
        key()._replace(directories=(("/work", 1, 2, True),)),
        key()._replace(port=1),
        key()._replace(memory_bytes=1),
        key()._replace(file_bytes=1),
    ],
    ids=lambda other: next(
        name for name in Key._fields if getattr(other, name) != getattr(key(), name)
    ),
)
def test_a_worker_never_serves_another_key(pools: Callable[..., Pool], other: Key) -> None:
    pool = pools()
    mine = taken(pool, key())
    pool.give_back(mine, key(), is_inner=False)

    assert taken(pool, other) is not mine


def test_a_spoilt_worker_is_ended_and_never_given_again(
    pools: Callable[..., Pool], works: Works
) -> None:
    pool = pools()
    spoilt = taken(pool, key())
    spoilt.is_spoilt = True

    pool.give_back(spoilt, key(), is_inner=False)

    works.wait(lambda: not spoilt.is_alive)
    assert taken(pool, key()) is not spoilt


def test_a_worker_that_was_never_assigned_is_not_kept(
    pools: Callable[..., Pool], works: Works
) -> None:
    pool = pools()
    worker = pool.take(key(), LONG, is_inner=False)

    pool.give_back(worker, key(), is_inner=False)

    works.wait(lambda: not worker.is_alive)


def test_workers_that_died_while_they_waited_are_passed_over(
    pools: Callable[..., Pool], works: Works
) -> None:
    pool = pools()
    idle = taken(pool, key())
    works.wait(lambda: len(works.made) == 1)
    pool.give_back(idle, key(), is_inner=False)
    pool.warm()
    works.wait(lambda: len(works.made) == 2)
    for each in works.made:
        each.worker.kill()
        each.worker.last_words(patience=True)

    found = taken(pool, key())

    assert found.is_alive


def test_no_more_calls_than_may_be_are_in_workers_at_once(pools: Callable[..., Pool]) -> None:
    pool = pools(at_most=1)
    taken(pool, key())

    with pytest.raises(OverloadedError, match="1 calls are running in workers already") as caught:
        taken(pool, key(), seconds=0.01)

    assert "at_most" in (caught.value.hint or "")


def test_a_call_that_waits_gets_the_first_worker_that_becomes_free(
    pools: Callable[..., Pool], works: Works
) -> None:
    pool = pools(at_most=1)
    worker = taken(pool, key())
    found: list[Worker] = []
    waiting = threading.Thread(target=lambda: found.append(taken(pool, key())))
    waiting.start()
    works.wait(lambda: pool._state.waiting + pool._state.blocked == 1)

    pool.give_back(worker, key(), is_inner=False)
    waiting.join(LONG)

    assert found == [worker]


def test_calls_that_calls_make_have_places_of_their_own(pools: Callable[..., Pool]) -> None:
    pool = pools(at_most=1)
    outer = taken(pool, key())

    inner = taken(pool, key(owner="other"), is_inner=True)

    assert inner is not outer
    pool.give_back(inner, key(owner="other"), is_inner=True)
    with pytest.raises(OverloadedError):
        taken(pool, key(), seconds=0.01)


def test_the_worker_that_was_idle_longest_makes_room(
    pools: Callable[..., Pool], works: Works
) -> None:
    pool = pools(at_most=1)  # two places and one for a spare worker
    keys = [key(owner=str(number)) for number in range(3)]
    idle = [taken(pool, each, is_inner=True) for each in keys]
    for worker, each in zip(idle, keys, strict=True):
        pool.give_back(worker, each, is_inner=True)

    found = taken(pool, key(owner="new"))

    assert found not in idle
    works.wait(lambda: not idle[0].is_alive)
    assert idle[2].is_alive


def test_a_worker_that_nobody_wants_any_more_is_ended(
    pools: Callable[..., Pool], works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "IDLE_SECONDS", 0.01)
    pool = pools()
    worker = taken(pool, key())

    pool.give_back(worker, key(), is_inner=False)

    works.wait(lambda: not worker.is_alive)
    assert taken(pool, key()) is not worker


def test_a_worker_that_cannot_be_started_is_tried_again_and_said(
    pools: Callable[..., Pool], works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "_RETRY_SECONDS", 0.01)
    works.fails = ChannelError("the machine is full")
    pool = pools()

    with pytest.raises(OverloadedError, match="no worker can be started: the machine is full"):
        taken(pool, key(), seconds=0.05)
    works.fails = None

    assert taken(pool, key()).is_alive


def test_a_closed_pool_ends_what_waits_now_and_what_works_when_it_is_done(
    pools: Callable[..., Pool], works: Works
) -> None:
    pool = pools()
    idle, busy = taken(pool, key()), taken(pool, key())
    pool.give_back(idle, key(), is_inner=False)

    pool.close()
    works.wait(lambda: not idle.is_alive)
    was_alive = busy.is_alive
    pool.give_back(busy, key(), is_inner=False)
    pool.close()

    assert was_alive
    assert works.living == []
    with pytest.raises(OverloadedError):
        taken(pool, key())


def test_a_pool_that_nobody_holds_ends_its_workers_and_its_thread(works: Works) -> None:
    pool = Pool(works.start, at_most=1)
    pool.give_back(taken(pool, key()), key(), is_inner=False)
    thread = pool._thread
    assert thread is not None

    del pool
    thread.join(LONG)

    assert not thread.is_alive()
    assert works.living == []
