"""A policy that demands kernel walls is in force only where they hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from live import own

from hatchway.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from hatchway.core.isolation import Layer

DEMANDING = '\n[workers]\nrequire = ["landlock"]\n'


@dataclass(frozen=True)
class Found:
    """What was found out about one layer."""

    layer: Layer
    holds: bool
    detail: str = "not in this kernel"
    cost_us: int | None = None


def test_a_demand_that_this_machine_does_not_meet_is_a_broken_edit(tmp_path: Path) -> None:
    walls: list[Any] = [Found("landlock", holds=False)]
    server = own(tmp_path, "echo")
    lacking = replace(server.bench.application, walls=lambda: tuple(walls))
    runtime, reloader = lacking.live(server.lines.append)
    good = server.policy.read_text()

    server.policy.write_text(good + DEMANDING)
    reloader.look()
    said = list(server.lines)
    walls[:] = [Found("landlock", holds=True)]
    server.policy.write_text(good.replace("version = 1\n", f"version = 1\n{DEMANDING}\n"))
    reloader.look()

    assert list(runtime.catalog.entries) == ["echo"]
    assert "the last good one stays" in said[-1]
    assert "'landlock' (not in this kernel)" in said[-1]
    assert server.events("policy.stale")[0]["code"] == "config.missing_layer"
    assert runtime.catalog.policy.workers.require == ("landlock",)


def test_nothing_starts_where_a_demand_is_not_met(tmp_path: Path) -> None:
    server = own(tmp_path, "echo")
    server.policy.write_text(server.policy.read_text() + DEMANDING)
    lacking = replace(server.bench.application, walls=lambda: ())

    for start in (lambda: lacking.live(print), lacking.runtime, lacking.in_force):
        with pytest.raises(ConfigError) as raised:
            start()
        assert raised.value.code == "config.missing_layer"
    assert list(lacking.catalog().entries) == ["echo"]
