"""A server without a door: what it would run, and what it said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench import ECHO_JSON, ECHO_MANIFEST, Workbench, workbench

from hatchway.compose import Application, open_application

if TYPE_CHECKING:
    from pathlib import Path

    from hatchway.runtime.reloading import Reloader
    from hatchway.runtime.runtime import Runtime


@dataclass
class Live:
    """A server without a door: what it would run, and what it said."""

    bench: Workbench
    runtime: Runtime
    reloader: Reloader
    lines: list[str] = field(default_factory=list)

    @property
    def policy(self) -> Path:
        return self.bench.application.project.policy_file

    @property
    def names(self) -> list[str]:
        return list(self.runtime.catalog.entries)

    def look(self) -> None:
        self.reloader.look()

    def events(self, name: str) -> list[dict[str, Any]]:
        return self.bench.events(name)


def live(bench: Workbench) -> Live:
    lines: list[str] = []
    runtime, reloader = bench.application.live(lines.append)
    return Live(bench, runtime, reloader, lines)


def own(tmp_path: Path, *tools: str) -> Live:
    """Over the user's own configuration, with some tools in it."""
    bench = workbench(tmp_path)
    for name in tools:
        bench.add(name, ECHO_JSON, manifest=ECHO_MANIFEST)
    return live(bench)


def project(tmp_path: Path, *tools: str) -> Live:
    """Over a project that is trusted."""
    bench = workbench(tmp_path)
    text = "version = 1\n"
    for name in tools:
        bench.write(name, ECHO_JSON)
        (tmp_path / f"{name}.tool.toml").write_text(ECHO_MANIFEST)
        text += f'\n[tools.{name}]\nsource = "./{name}.wasm"\n'
    policy = tmp_path / "hatchway.toml"
    policy.write_text("version = 1\n")
    bench.application.project.trusted.record(policy, ())
    inside = workbench(tmp_path)
    for name in tools:
        inside.application.keeper.admit(name, f"./{name}.wasm", [])
    assert inside.application.project.policy_file == policy
    return live(inside)


def another_process(live: Live) -> Application:
    """What a command in another process works with."""
    return open_application(start=live.bench.directory)
