"""What an audit says about files that are not what was approved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from components import ECHO, opening
from guests import command, wasm
from trusting import Publisher, rule, write_own
from workbench import ECHO_JSON, ECHO_MANIFEST, Workbench, workbench

if TYPE_CHECKING:
    from pathlib import Path

    from hatchway.runtime.auditing import Audited


def named(bench: Workbench, name: str) -> Audited:
    application = bench.application
    return application.auditor(bench.directory).entry(application.project, name)


def installed(bench: Workbench, name: str) -> Audited:
    application = bench.application
    return application.auditor(bench.directory).installed(application.project, name)


def drift(audited: Audited) -> tuple[str, ...] | None:
    assert audited.subject is not None
    return audited.subject.drift


PROGRAMS = {
    "a program": (command("(nop)"), None),
    "a program with a manifest": (ECHO_JSON, ECHO_MANIFEST),
    "a component": (ECHO, None),
    "a component that asks for files": (opening("a"), None),
}


@pytest.mark.parametrize("what", PROGRAMS)
def test_what_was_approved_has_not_drifted(what: str, tmp_path: Path) -> None:
    text, manifest = PROGRAMS[what]
    bench = workbench(tmp_path)
    bench.add("tool", text, manifest=manifest)

    assert drift(named(bench, "tool")) == ()
    assert drift(installed(bench, "tool")) == ()


@pytest.mark.parametrize("what", PROGRAMS)
def test_other_bytes_that_can_do_and_say_the_same_have_not_either(
    what: str, tmp_path: Path
) -> None:
    text, manifest = PROGRAMS[what]
    bench = workbench(tmp_path)
    bench.add("tool", text, manifest=manifest)

    with (tmp_path / "tool.wasm").open("ab") as file:
        file.write(b"\x00\x02\x01x")

    assert drift(named(bench, "tool")) == ()


def test_what_was_never_approved_has_nothing_to_drift_from(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    file = bench.write("tool", command("(nop)"))
    (tmp_path / "hatchway.toml").write_text(f'version = 1\n[tools.tool]\nsource = "{file}"\n')

    (audited,) = bench.application.auditor(tmp_path).project(tmp_path).audited

    assert drift(audited) is None


def test_more_functions_are_a_change_that_somebody_must_approve(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("tool", command("(nop)"))

    (tmp_path / "tool.wasm").write_bytes(wasm(ECHO_JSON))
    audited = named(bench, "tool")

    assert drift(audited) == (
        "it can also ask the host for wasi_snapshot_preview1.fd_read",
        "it can also ask the host for wasi_snapshot_preview1.fd_write",
    )
    assert "HW-PRV-004" in [finding.rule.id for finding in audited.report.findings]
    assert audited.report.blocked


def test_another_text_beside_the_same_bytes_is_too(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)

    changed = ECHO_MANIFEST.replace("Echo the arguments.", "Echo the arguments twice.")
    (tmp_path / "echo.tool.toml").write_text(changed)

    assert drift(named(bench, "echo")) == ("a model is told something else about echo",)
    assert drift(installed(bench, "echo")) == ()


def test_another_signer_is_too(tmp_path: Path) -> None:
    one, other = Publisher(), Publisher()
    bench = workbench(tmp_path)
    write_own(rule("*", one.signer(), other.signer(), more='require = "any"'))
    file = bench.write("tool", command("(nop)"))
    one.sign(file)
    bench.application.keeper.admit("tool", str(file), [])

    file.write_bytes(file.read_bytes() + b"\x00\x02\x01x")
    other.sign(file)

    assert drift(named(bench, "tool")) == (
        f"it is also signed by {other.name}",
        f"it is not signed any more by {one.name}",
    )
