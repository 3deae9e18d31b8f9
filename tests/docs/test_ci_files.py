"""The files other repositories use in CI: the action, the hook, and what the guide shows.

The shell of the action is run as a runner would, in a directory of its own, with the real command.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from guests import command, wasm
from sarif_schema import sarif_validator

REPOSITORY = Path(__file__).resolve().parents[2]
GUIDE = REPOSITORY / "docs" / "guides" / "audit-in-ci.md"
TOOLS = Path(sys.executable).parent

HARMLESS = command("(nop)")
SOCKETS = """(component
  (type $tcp (instance
    (export "tcp-socket" (type $socket (sub resource)))
    (type $ask (func (param "self" (borrow $socket)) (result bool)))
    (export "[method]tcp-socket.is-listening" (func (type $ask)))))
  (import "wasi:sockets/tcp@0.2.3" (instance (type $tcp))))"""
"""What no reader of documents needs."""
SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
"""How a runner starts the steps of an action."""


def parsed(file: str) -> Any:
    return yaml.safe_load((REPOSITORY / file).read_text())


def blocks_of_the_guide() -> list[Any]:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    return [yaml.safe_load(block) for block in blocks]


ACTION = parsed("action.yml")
[HOOK] = parsed(".pre-commit-hooks.yaml")
INSTALL, AUDIT = ACTION["runs"]["steps"]


@dataclass(frozen=True)
class Step:
    """What a step left behind."""

    status: int
    log: str
    outputs: dict[str, str]
    summary: str


@dataclass(frozen=True)
class Runner:
    """A checkout, and what a runner keeps beside it."""

    checkout: Path
    kept: Path

    def write(self, name: str, text: str) -> None:
        """Assemble an artifact into the checkout."""
        (self.checkout / name).write_bytes(wasm(text))

    def run(self, step: dict[str, Any], **inputs: str) -> Step:
        """Run the shell of one step with these inputs, and the defaults of the others."""
        values = {name: entry["default"] for name, entry in ACTION["inputs"].items()}
        values |= {name.replace("_", "-"): value for name, value in inputs.items()}
        wanted = {
            variable: values[expression.removeprefix("${{ inputs.").removesuffix(" }}")]
            for variable, expression in step["env"].items()
        }
        output, summary = self.kept / "output", self.kept / "summary"
        output.write_text("")
        summary.write_text("")
        done = subprocess.run(
            [*SHELL, "-c", step["run"]],
            cwd=self.checkout,
            env={
                **os.environ,
                "RUNNER_TEMP": str(self.kept),
                "GITHUB_ACTION_PATH": str(REPOSITORY),
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(summary),
                **wanted,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        lines = output.read_text().splitlines()
        outputs = dict(line.split("=", 1) for line in lines)
        return Step(done.returncode, done.stdout, outputs, summary.read_text())


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A runner on which Hatchway is installed already."""
    checkout, kept = tmp_path / "checkout", tmp_path / "kept"
    checkout.mkdir()
    bin_directory = kept / "hatchway" / "bin"
    bin_directory.mkdir(parents=True)
    (bin_directory / "python").symlink_to(sys.executable)
    (bin_directory / "hatchway").symlink_to(TOOLS / "hatchway")
    return Runner(checkout, kept)


# The action, as it is written


def test_no_input_is_ever_a_part_of_a_script() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"


def test_every_input_is_used_and_every_one_that_is_used_exists() -> None:
    used = {
        name
        for step in ACTION["runs"]["steps"]
        for name in re.findall(r"\$\{\{ inputs\.([a-z-]+) \}\}", " ".join(step["env"].values()))
    }

    assert used == set(ACTION["inputs"])


def test_every_output_is_one_that_the_audit_writes() -> None:
    for name, output in ACTION["outputs"].items():
        assert output["value"] == f"${{{{ steps.{AUDIT['id']}.outputs.{name} }}}}"
        assert f"{name}=%s" in AUDIT["run"]


# The action, as it runs


def test_a_repository_without_grave_findings_passes(runner: Runner) -> None:
    runner.write("tool.wasm", HARMLESS)

    done = runner.run(AUDIT)

    assert done.status == 0, done.log
    assert done.outputs["sarif-file"] == str(runner.kept / "hatchway.sarif")
    assert done.outputs["grade"] in "ABC"
    assert done.summary.startswith(
        f"### Hatchway audit: {done.outputs['grade']}\n\n    tool: grade"
    )


def test_a_gate_that_fails_leaves_its_report_and_its_status(runner: Runner) -> None:
    runner.write("pdf.wasm", SOCKETS)

    done = runner.run(AUDIT, sarif_file="report.sarif")

    assert done.status == 1, done.log
    log = json.loads((runner.checkout / done.outputs["sarif-file"]).read_text())
    sarif_validator().validate(log)
    assert "HW-CAP-001" in [result["ruleId"] for result in log["runs"][0]["results"]]


def test_a_gate_can_be_left_open(runner: Runner) -> None:
    runner.write("pdf.wasm", SOCKETS)

    assert runner.run(AUDIT, fail_on="never").status == 0
    assert runner.run(AUDIT, fail_on="low").status == 1


def test_an_artifact_that_cannot_be_read_fails_whatever_the_gate_says(runner: Runner) -> None:
    (runner.checkout / "cut.wasm").write_bytes(wasm(HARMLESS)[:-3])

    done = runner.run(AUDIT, fail_on="never")

    assert (done.status, done.outputs["grade"]) == (3, "F")


@pytest.mark.parametrize("path", ["missing", "--explain=HW-BIN-001"])
def test_nothing_to_audit_is_an_error_and_no_report(runner: Runner, path: str) -> None:
    done = runner.run(AUDIT, path=path)

    assert (done.status, done.outputs, done.summary) == (2, {}, "")


@pytest.mark.parametrize("fail_on", ["", "hihg"])
def test_a_gate_that_does_not_exist_is_an_error_and_not_an_open_one(
    runner: Runner, fail_on: str
) -> None:
    runner.write("tool.wasm", HARMLESS)

    assert runner.run(AUDIT, fail_on=fail_on).status == 2


@pytest.mark.parametrize("hostile", ["$(touch hacked)", "`touch hacked`", '"; touch hacked; "'])
def test_an_input_is_never_run(runner: Runner, hostile: str) -> None:
    runner.write("tool.wasm", HARMLESS)

    runner.run(AUDIT, fail_on=hostile)
    runner.run(AUDIT, path=hostile, sarif_file=hostile)
    runner.run(INSTALL, python=hostile)

    assert {file.name for file in runner.checkout.iterdir()} == {"tool.wasm"}


def test_an_output_cannot_bring_another_one_along(runner: Runner) -> None:
    runner.write("tool.wasm", HARMLESS)

    done = runner.run(AUDIT, sarif_file="a\ngrade=A")

    assert (done.status, done.outputs) == (2, {})


def test_a_report_is_not_written_through_a_link_of_the_checkout(runner: Runner) -> None:
    runner.write("tool.wasm", HARMLESS)
    precious = runner.kept / "precious"
    precious.write_text("precious")
    (runner.checkout / "report.sarif").symlink_to(precious)

    done = runner.run(AUDIT, sarif_file="report.sarif")

    assert done.status == 0, done.log
    assert precious.read_text() == "precious"


def test_what_an_artifact_is_called_is_no_command_to_the_runner(runner: Runner) -> None:
    runner.write("::add-mask::x.wasm", HARMLESS)

    lines = runner.run(AUDIT).log.splitlines()

    stop = next(line for line in lines if line.startswith("::stop-commands::"))
    token = stop.removeprefix("::stop-commands::")
    outside = [*lines[: lines.index(stop)], *lines[lines.index(f"::{token}::") + 1 :]]
    assert len(token) == 64
    assert any("add-mask::" in line for line in lines)
    assert not any("add-mask::" in line for line in outside)


@pytest.mark.artifacts
@pytest.mark.slow
def test_the_action_installs_what_it_runs(tmp_path: Path) -> None:
    runner = Runner(tmp_path / "checkout", tmp_path / "kept")
    runner.checkout.mkdir()
    runner.kept.mkdir()
    runner.write("tool.wasm", HARMLESS)
    # A module that Python would take for its own if it looked into the checkout.
    (runner.checkout / "venv.py").write_text("raise SystemExit('hacked')")

    installed = runner.run(INSTALL, python=sys.executable)

    assert installed.status == 0, installed.log
    assert runner.run(AUDIT).status == 0


# The hook


@pytest.mark.parametrize(
    ("name", "is_looked_at"),
    [
        ("tools/render.wasm", True),
        ("tools/render.tool.toml", True),
        ("hatchway.toml", True),
        ("services/a/hatchway.lock", True),
        ("pyproject.toml", False),
        ("nothatchway.toml", False),
        ("render.wasm.md", False),
    ],
)
def test_the_hook_looks_when_a_tool_changed(name: str, is_looked_at: bool) -> None:
    assert (re.search(HOOK["files"], name) is not None) is is_looked_at


@pytest.mark.parametrize(("text", "status"), [(HARMLESS, 0), (SOCKETS, 1)], ids=["fine", "grave"])
def test_the_hook_passes_what_has_no_grave_findings(runner: Runner, text: str, status: int) -> None:
    runner.write("tool.wasm", text)
    program, *arguments = shlex.split(HOOK["entry"])

    done = subprocess.run(
        [TOOLS / program, *arguments], cwd=runner.checkout, capture_output=True, check=False
    )

    assert done.returncode == status
    assert HOOK["pass_filenames"] is False


# The guide


def test_the_guides_workflow_uses_inputs_and_outputs_that_exist() -> None:
    [workflow] = [block for block in blocks_of_the_guide() if "jobs" in block]
    [job] = workflow["jobs"].values()
    [audit] = [step for step in job["steps"] if "hatchway" in step["uses"]]

    assert set(audit["with"]) <= set(ACTION["inputs"])
    used = re.findall(r"steps\.(\w+)\.outputs\.([a-z-]+)", json.dumps(job))
    assert used
    assert {name for _, name in used} <= set(ACTION["outputs"])
    assert {step for step, _ in used} == {audit["id"]}


def test_the_guides_hook_is_the_one_there_is() -> None:
    [configuration] = [block for block in blocks_of_the_guide() if "repos" in block]

    assert configuration["repos"][0]["hooks"] == [{"id": HOOK["id"]}]


def test_the_guide_tells_of_every_input() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", GUIDE.read_text(), re.MULTILINE)

    assert rows == [*ACTION["inputs"], *ACTION["outputs"]]
