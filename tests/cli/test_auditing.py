"""Reading artifacts at the command line: what they can ask for, and what is wrong with them."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from guests import command, wasi, wasm
from workbench import ECHO_JSON, ECHO_MANIFEST

if TYPE_CHECKING:
    from pathlib import Path

    from terminal import Terminal

SOCKETS = """(component
  (type $tcp (instance
    (export "tcp-socket" (type $socket (sub resource)))
    (type $asking (func (param "self" (borrow $socket)) (result bool)))
    (export "[method]tcp-socket.is-listening" (func (type $asking)))))
  (import "wasi:sockets/tcp@0.2.3" (instance (type $tcp)))
  (import "wasi:sockets/udp@0.2.3" (instance (export "udp-socket" (type (sub resource))))))"""
"""A component that can ask for TCP sockets, and knows the types of UDP ones."""

OPENING = "i32 i32 i32 i32 i32 i64 i64 i32 i32"

POISONED = ECHO_MANIFEST.replace("Echo the arguments.", "Echo the arguments.\\u202e")


def tomorrow() -> str:
    return (datetime.now(tz=UTC) + timedelta(days=1)).date().isoformat()


# inspect


def test_a_module_is_inspected_down_to_functions(terminal: Terminal, here: Path) -> None:
    (here / "opener.wasm").write_bytes(wasm(command("(nop)", imports=wasi("path_open", OPENING))))

    done = terminal.run("inspect", "opener.wasm", "--json")

    assert done.status == 0
    assert done.json.keys() >= {
        "digest", "size", "kind", "capabilities", "imports", "tools", "memory", "producers",
        "signatures", "hostable", "reason",
    }  # fmt: skip
    assert done.json["kind"] == "module"
    assert "wasi_snapshot_preview1.path_open" in done.json["capabilities"]["fs.read"]
    assert done.json["memory"] == {"min_bytes": 65536, "max_bytes": None}
    assert (done.json["hostable"], done.json["reason"]) == (True, None)


def test_types_alone_are_no_capability(terminal: Terminal, here: Path) -> None:
    (here / "net.wasm").write_bytes(wasm(SOCKETS))

    done = terminal.run("inspect", "net.wasm", "--json")

    assert done.json["capabilities"] == {
        "net.socket": ["wasi:sockets/tcp@0.2.3#[method]tcp-socket.is-listening"]
    }
    assert done.json["type_only"] == ["wasi:sockets/udp@0.2.3"]


def test_a_person_reads_what_an_artifact_can_ask_for(terminal: Terminal) -> None:
    done = terminal.run("inspect", "text.wasm")

    assert done.status == 0
    assert "kind          component" in done.out
    assert "can ask for   nothing" in done.out
    assert "hostable      yes" in done.out


def test_an_artifact_of_another_host_is_inspected_and_named(terminal: Terminal, here: Path) -> None:
    (here / "web.wasm").write_bytes(
        wasm('(module (import "wbg" "__wbindgen_throw" (func (param i32 i32))))')
    )

    done = terminal.run("inspect", "web.wasm", "--json")

    assert done.status == 0
    assert done.json["hostable"] is False
    assert "wasm-bindgen" in done.json["reason"]


def test_what_is_no_wasm_is_refused_with_its_place(terminal: Terminal, here: Path) -> None:
    (here / "cut.wasm").write_bytes(wasm(ECHO_JSON)[:-3])

    done = terminal.run("inspect", "cut.wasm")

    assert (done.status, done.code) == (3, "admission.malformed")


# audit


def test_a_file_is_audited_and_graded(terminal: Terminal) -> None:
    done = terminal.run("audit", "echo.wasm", "--json")

    assert done.status == 0
    assert done.json.keys() >= {"digest", "grade", "score", "blocked", "axes", "findings"}
    assert (done.json["grade"], done.json["blocked"]) == ("A", False)
    assert set(done.json["axes"]) == {
        "capabilities", "isolation", "provenance", "secrets", "text", "format",
    }  # fmt: skip
    for finding in done.json["findings"]:
        assert finding.keys() >= {
            "rule", "severity", "confidence", "message", "evidence", "cwe", "owasp",
            "remediation",
        }  # fmt: skip


def test_a_pdf_reader_with_sockets_does_not_pass_the_gate(terminal: Terminal, here: Path) -> None:
    (here / "pdf.wasm").write_bytes(wasm(SOCKETS))
    (here / "pdf.tool.toml").write_text('purpose = "Reads the text of a PDF"\n')

    done = terminal.run("audit", "pdf.wasm", "--fail-on", "high")

    assert done.status == 1
    assert "HW-CAP-001" in done.out
    assert "HW-CAP-002" in done.out
    assert "wasi:sockets/tcp@0.2.3#[method]tcp-socket.is-listening" in done.out


def test_a_gate_that_nothing_reaches_is_passed(terminal: Terminal) -> None:
    assert terminal.run("audit", "echo.wasm", "--fail-on", "medium").status == 0


def test_an_artifact_that_cannot_be_read_fails_closed(terminal: Terminal, here: Path) -> None:
    (here / "cut.wasm").write_bytes(wasm(ECHO_JSON)[:-3])

    done = terminal.run("audit", "cut.wasm", "--json")

    assert done.status == 3
    assert (done.json["grade"], done.json["blocked"]) == ("F", True)
    assert done.json["findings"][0]["rule"] == "HW-BIN-001"


def test_a_manifest_with_hidden_text_is_a_finding_and_not_only_an_error(
    terminal: Terminal, here: Path
) -> None:
    (here / "echo.tool.toml").write_text(POISONED)

    done = terminal.run("audit", "echo.wasm", "--json")

    assert done.json["blocked"] is True
    assert "HW-TXT-001" in [finding["rule"] for finding in done.json["findings"]]


def test_a_manifest_that_is_merely_wrong_is_an_error(terminal: Terminal, here: Path) -> None:
    (here / "echo.tool.toml").write_text(ECHO_MANIFEST + "\n[surprise]\n")

    done = terminal.run("audit", "echo.wasm")

    assert (done.status, done.code) == (2, "config.unknown_key")


def test_a_whole_project_is_audited_before_anybody_trusts_it(
    terminal: Terminal, here: Path
) -> None:
    (here / "hatchway.toml").write_text('version = 1\n[tools.echo]\nsource = "./echo.wasm"\n')

    done = terminal.run("audit", ".", "--json")

    files = [report["file"] for report in done.json["reports"]]
    assert files == ["echo.wasm", "nosy.wasm", "text.wasm"]
    assert done.json["grade"] == max(report["grade"] for report in done.json["reports"])
    assert terminal.run("list", "--json").json == []


def test_files_are_named_from_the_working_directory(terminal: Terminal, here: Path) -> None:
    (here / "tools").mkdir()
    (here / "echo.wasm").rename(here / "tools" / "echo.wasm")

    below = terminal.run("audit", "tools", "--json")
    elsewhere = terminal.run("audit", str(here.parent), "--json")

    assert [report["file"] for report in below.json["reports"]] == ["tools/echo.wasm"]
    assert "work/tools/echo.wasm" in [report["file"] for report in elsewhere.json["reports"]]


def test_a_file_of_any_name_is_audited(terminal: Terminal, here: Path) -> None:
    (here / "echo.wasm").rename(here / os.fsdecode(b"\xff\x1b.wasm"))

    for form in ("text", "json", "sarif"):
        done = terminal.run("audit", ".", "--format", form, "--output", f"report.{form}")

        assert done.status == 0
        assert "\x1b" not in (here / f"report.{form}").read_text()


def test_directories_of_other_people_are_passed_over(terminal: Terminal, here: Path) -> None:
    for name in ("node_modules", ".venv"):
        (here / name).mkdir()
        (here / name / "theirs.wasm").write_bytes(b"no")

    done = terminal.run("audit", ".", "--json")

    assert len(done.json["reports"]) == 3


def test_an_installed_tool_is_audited_as_it_is_pinned(terminal: Terminal, here: Path) -> None:
    terminal.run("add", "echo.wasm", "--yes", "--allow", "clock")
    (here / "echo.wasm").write_bytes(b"gone")

    done = terminal.run("audit", "echo", "--json")

    assert done.status == 0
    assert "HW-CAP-007" in [finding["rule"] for finding in done.json["findings"]]


def test_an_unknown_target_names_the_tools_there_are(terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes")

    done = terminal.run("audit", "ecko")

    assert (done.status, done.code) == (2, "config.no_such_tool")
    assert "echo" in done.hints[0]


def test_a_directory_without_anything_to_audit_says_so(terminal: Terminal, here: Path) -> None:
    (here / "empty").mkdir()

    done = terminal.run("audit", "empty")

    assert (done.status, done.code) == (2, "config.nothing_to_audit")


def test_a_report_goes_to_a_file(terminal: Terminal, here: Path) -> None:
    done = terminal.run("audit", ".", "--format", "sarif", "--output", "report.sarif")

    assert (done.status, done.out) == (0, "")
    report = json.loads((here / "report.sarif").read_text())
    assert report["version"] == "2.1.0"
    assert {rule["id"] for rule in report["runs"][0]["tool"]["driver"]["rules"]}


def test_a_report_that_cannot_be_written_is_an_error(terminal: Terminal) -> None:
    done = terminal.run("audit", "echo.wasm", "--output", "nowhere/report")

    assert (done.status, done.code) == (2, "config.unwritable")


def test_every_rule_explains_itself(terminal: Terminal) -> None:
    done = terminal.run("audit", "--explain", "HW-CAP-001")
    by_finding = terminal.run("audit", "--explain", "hw-cap-001:00000000")

    assert done.status == 0
    assert "HW-CAP-001" in done.out
    assert by_finding.out == done.out


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("HW-CAP-001x", "did you mean HW-CAP-001 or "),
        ("HW-CAP-01", "did you mean HW-CAP-001 or "),
        ("HW-CAP-001/x", "did you mean HW-CAP-001 or "),
        ("", "HW-BIN-001 to HW-TXT-005; see docs/audits"),
        ("no\x1bsense" * 5000, "HW-BIN-001 to HW-TXT-005; see docs/audits"),
    ],
)
def test_a_rule_that_is_not_there_is_refused_with_those_it_could_be(
    name: str, hint: str, terminal: Terminal
) -> None:
    done = terminal.run("audit", "--explain", name)

    assert (done.status, done.code, done.out) == (2, "config.no_such_rule", "")
    assert done.hints[0].startswith(hint)
    assert len(done.err) < 400


@pytest.mark.parametrize("form", ["text", "sarif"])
def test_two_forms_at_once_are_refused(form: str, terminal: Terminal) -> None:
    done = terminal.run("audit", "echo.wasm", "--json", "--format", form)
    agreeing = terminal.run("audit", "echo.wasm", "--json", "--format", "json")

    assert (done.status, done.code, done.out) == (2, "config.usage", "")
    assert f"--json and --format {form} exclude each other" in done.err
    assert agreeing.json["grade"] in "ABCDF"


# Admission


def test_adding_shows_the_grade_and_what_is_odd(terminal: Terminal) -> None:
    done = terminal.run("add", "nosy.wasm", "--yes", "--json")

    assert done.status == 0
    assert "can ask for  fs.read" in done.err
    assert "HW-CAP-001" in done.err
    assert done.json["grade"] == terminal.run("list", "--json").json[0]["grade"]
    assert done.json["grade"] in "BCD"


@pytest.mark.claim("audit.critical-blocks")
def test_a_critical_finding_blocks_admission(terminal: Terminal, here: Path) -> None:
    (here / "leaky.wasm").write_bytes(wasm(_leaky()))

    done = terminal.run("add", "leaky.wasm", "--yes")

    assert (done.status, done.code) == (3, "admission.blocked")
    assert "HW-SEC-001" in done.err
    assert terminal.run("list", "--json").json == []
    assert not (here / "hatchway.lock").exists()


@pytest.mark.claim("audit.critical-blocks")
def test_a_critical_finding_is_overridden_by_its_id_until_a_day(
    terminal: Terminal, here: Path
) -> None:
    (here / "leaky.wasm").write_bytes(wasm(_leaky()))
    finding = terminal.run("audit", "leaky.wasm", "--json").json["findings"][0]
    policy = here / "hatchway.toml"
    policy.write_text(_overriding(finding["id"], tomorrow()))
    terminal.run("trust", ".")

    listed = terminal.run("list", "--json").json
    audited = terminal.run("audit", "leaky", "--json").json
    policy.write_text(_overriding(finding["id"], "2020-01-01"))
    terminal.run("trust", ".")
    after = terminal.run("list")

    assert [entry["state"] for entry in listed] == ["ready"]
    assert audited["blocked"] is False
    assert audited["findings"][0]["override"]["reason"] == "a published test key"
    assert "in spite of" in after.err
    assert terminal.run("call", "leaky", "{}").status == 2


def _overriding(finding: str, until: str) -> str:
    return f"""version = 1
[tools.leaky]
source = "./leaky.wasm"
[[tools.leaky.overrides]]
finding = "{finding}"
reason = "a published test key"
until = {until}
"""


def _leaky() -> str:
    """A command that carries a private key."""
    body = "MIIEpAIBAAKCAQEA" + "q7Wd0Xc3nL9vT2sKfY6hJzRb4mUo1EiGxPa8CtSuVwBlNkDyHjQrZe5gFp" * 3
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    pem = "\\n".join(["-----BEGIN RSA PRIVATE KEY-----", *lines, "-----END RSA PRIVATE KEY-----"])
    return command("(nop)", declarations=f'(data (i32.const 0) "{pem}")')
