"""Making tools at the command line: new, build and test, with a language that needs nothing."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from hatchway.audit.reading import read_artifact
from hatchway.audit.sections import licence_of
from hatchway.sdk.languages import LANGUAGES, language

if TYPE_CHECKING:
    from pathlib import Path

    from terminal import Terminal


@pytest.fixture
def project(terminal: Terminal, here: Path) -> Path:
    """A project of the template, not built yet."""
    assert terminal.run("new", "wat", "loud").status == 0
    return here / "loud"


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


# New


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_language_has_a_template_that_only_it_recognises(
    name: str, terminal: Terminal, here: Path
) -> None:
    made = terminal.run("new", name, "my-tool", "--json")

    assert made.status == 0
    assert made.json["language"] == name
    recognised = [each for each in LANGUAGES if language(each).recognises(here / "my-tool")]
    assert recognised == [name]
    assert {"Makefile", ".gitignore", "README.md"} <= {
        path.removeprefix("my-tool/") for path in made.json["files"]
    }
    assert "next: cd my-tool" in made.err


def test_nothing_is_overwritten(terminal: Terminal, project: Path) -> None:
    again = terminal.run("new", "c", "loud")

    assert (again.status, again.code) == (2, "config.exists")
    assert not (project / "main.c").exists()


@pytest.mark.parametrize("name", ["Loud", "a--b", "-a", "../a", "a/b", "a" * 41, "", "ä"])
def test_a_project_has_a_name_that_fits_everywhere(
    terminal: Terminal, here: Path, name: str
) -> None:
    made = terminal.run("new", "wat", "--", name)

    assert (made.status, made.code) == (2, "config.invalid")


def test_a_language_that_is_not_known_is_refused_with_the_nearest(terminal: Terminal) -> None:
    made = terminal.run("new", "pyton", "a")

    assert (made.status, made.code) == (2, "config.no_language")
    assert made.hints == ["did you mean python?"]


def test_a_directory_that_cannot_be_written_is_said(terminal: Terminal, here: Path) -> None:
    (here / "there").write_text("a file")

    assert terminal.run("new", "wat", "there").code == "config.exists"


# Build


def test_a_build_has_its_manifest_and_licence_inside(terminal: Terminal, project: Path) -> None:
    built = terminal.run("build", "loud", "--json")

    found = read_artifact((project / "loud.wasm").read_bytes())
    assert built.status == 0
    assert built.json["digest"] == found.digest
    assert licence_of(found) == "Apache-2.0"
    assert (built.json["grade"], built.json["blocked"]) == ("A", False)
    assert built.json["tools"] == ["loud"]
    assert terminal.run("add", "loud/loud.wasm", "--yes").status == 0
    assert terminal.run("call", "loud", '{"text": "abc"}').out == "ABC\n"


def test_a_build_says_what_an_operator_will_be_asked_for(terminal: Terminal, project: Path) -> None:
    with (project / "tool.toml").open("a") as file:
        file.write('\n[[requires]]\ncapability = "clock"\nreason = "stamps it"\n')
        file.write('\n[[optional]]\ncapability = "env=LANG"\nreason = "speaks it"\n')

    built = terminal.run("build", "loud")
    inspected = terminal.run("inspect", "loud/loud.wasm", "--json")

    assert "will ask for clock: stamps it" in built.out
    assert "will ask for env=LANG (optional): speaks it" in built.out
    assert inspected.json["requires"] == [{"capability": "clock", "reason": "stamps it"}]
    assert inspected.json["optional"] == [{"capability": "env=LANG", "reason": "speaks it"}]
    assert "will ask for  clock: stamps it" in terminal.run("inspect", "loud/loud.wasm").out


def test_twice_the_same_source_is_twice_the_same_bytes_wherever_it_lies(
    terminal: Terminal, project: Path, here: Path
) -> None:
    shutil.copytree(project, here / "other" / "place")

    terminal.run("build", "loud", "-o", "one.wasm")
    terminal.run("build", "other/place", "-o", "two.wasm")

    assert (here / "one.wasm").read_bytes() == (here / "two.wasm").read_bytes()


def test_what_the_audit_blocks_is_not_written(terminal: Terminal, project: Path) -> None:
    token = "AK" + "IA" + "Q6PZ3NW5T2LXV7JD"
    change(
        project / "main.wat",
        '(memory (export "memory") 1)',
        f'(memory (export "memory") 1) (data (i32.const 60000) "{token}")',
    )

    built = terminal.run("build", "loud")

    assert (built.status, built.code) == (1, "admission.blocked")
    assert "critical HW-SEC-001" in built.out
    assert not (project / "loud.wasm").exists()


def test_a_text_that_does_not_assemble_is_said_in_the_assemblers_words(
    terminal: Terminal, project: Path
) -> None:
    (project / "main.wat").write_text("(module (func $a) (func $a))")

    built = terminal.run("build", "loud")

    assert (built.status, built.code) == (2, "config.build_failed")
    assert "duplicate func identifier" in built.err


def test_a_project_in_no_language_or_in_two_is_refused(
    terminal: Terminal, project: Path, here: Path
) -> None:
    (here / "empty").mkdir()
    (project / "main.c").write_text("int main(void) { return 0; }")

    none, two, gone = (terminal.run("build", name) for name in ("empty", "loud", "gone"))

    assert [none.code, two.code, gone.code] == [
        "config.no_project",
        "config.no_project",
        "config.unreadable",
    ]
    assert "c and wat" in two.err


def test_a_manifest_that_is_not_understood_stops_the_build(
    terminal: Terminal, project: Path
) -> None:
    change(project / "tool.toml", 'licence = "Apache-2.0"', 'licence = "\\u0001"')

    assert terminal.run("build", "loud").code == "config.invalid"


def test_two_texts_are_one_too_many(terminal: Terminal, project: Path) -> None:
    (project / "more.wat").write_text("(module)")

    assert terminal.run("build", "loud").code == "config.build_failed"


def test_a_text_that_is_a_link_or_a_pipe_is_not_looked_at(
    terminal: Terminal, project: Path, here: Path
) -> None:
    source = project / "main.wat"
    (here / "secret").write_text("root:x:0")
    source.unlink()
    source.symlink_to(here / "secret")
    linked = terminal.run("build", "loud")
    source.unlink()
    os.mkfifo(source)
    piped = terminal.run("build", "loud")

    assert {linked.code, piped.code} == {"config.build_failed"}
    assert "links are not looked at" in linked.err
    assert "root" not in linked.err


def test_a_place_that_cannot_be_written_is_said(terminal: Terminal, project: Path) -> None:
    assert terminal.run("build", "loud", "-o", "no/such/place.wasm").code == "config.unwritable"


# Test


def test_the_calls_of_the_template_are_as_expected(terminal: Terminal, project: Path) -> None:
    tested = terminal.run("test", "loud", "--json")

    assert tested.status == 0
    assert tested.json["ok"] is True
    assert [each["ok"] for each in tested.json["tests"]] == [True, True]


@pytest.mark.parametrize(
    ("expected", "complaint"),
    [
        ('text = "abc"', "the text is"),
        ('error = "no"', "it did not fail"),
        ('code = "guest.trapped"', "it did not fail"),
        ("result = 3", "the result is nothing|the result is 'nothing'"),
        ('text = "ABC"\ndenied = ["clock"]', "denied was nothing, expected clock"),
        ('text = "ABC"\nleaves = { "/out/a" = "" }', "there is no file /out/a afterwards"),
        ('text = "ABC"\nfiles = { "/in/a" = "" }', "asks for no directory that holds /in/a"),
    ],
)
def test_a_call_that_is_not_as_expected_fails_the_test(
    terminal: Terminal, project: Path, expected: str, complaint: str
) -> None:
    call = f'[[call]]\nname = "one"\narguments = {{ text = "abc" }}\n{expected}\n'
    (project / "calls.toml").write_text(call)

    tested = terminal.run("test", "loud")

    assert tested.status == 1
    assert "FAILED  one" in tested.out
    assert any(each in tested.out for each in complaint.split("|"))


def test_a_call_that_fails_is_told_from_one_that_is_stopped(
    terminal: Terminal, project: Path
) -> None:
    (project / "calls.toml").write_text("""
        [limits]
        fuel = 1000
        [[call]]
        name = "stopped"
        arguments = { text = "abcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabc" }
        code = "guest.fuel_exhausted"
        [[call]]
        name = "wrong"
        arguments = { text = "abcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabc" }
        text = "ABC"
        [[call]]
        name = "other words"
        arguments = { text = 3 }
        error = "never said"
        [[call]]
        name = "other code"
        arguments = { text = 3 }
        code = "guest.trapped"
    """)

    tested = terminal.run("test", "loud")

    assert "ok      stopped" in tested.out
    assert "it failed: " in tested.out
    assert "expected 'never said' in it" in tested.out
    assert "it ended with call.invalid_arguments, expected guest.trapped" in tested.out


def test_a_project_without_tests_says_where_they_go(terminal: Terminal, project: Path) -> None:
    (project / "calls.toml").unlink()

    tested = terminal.run("test", "loud")

    assert (tested.status, tested.code) == (2, "config.no_tests")


@pytest.mark.parametrize("where", ["shared", "call"])
def test_a_project_grants_itself_nothing_of_the_machine(
    terminal: Terminal, project: Path, where: str
) -> None:
    line = 'allow = ["env=HOME"]\n'
    call = '[[call]]\nname = "one"\narguments = { text = "abc" }\ntext = "ABC"\n'
    (project / "calls.toml").write_text(line + call if where == "shared" else call + line)

    refused = terminal.run("test", "loud")
    said = terminal.run("test", "loud", "--allow", "env=HOME")

    assert (refused.status, refused.code) == (2, "config.not_allowed")
    assert f"calls.toml:{1 if where == 'shared' else 5}: a project cannot grant" in refused.err
    assert refused.hints == ["if you trust it with that: hatchway test loud --allow env=HOME"]
    assert not (project / "loud.wasm").exists()
    assert said.status == 0


def test_a_grant_that_no_call_wants_is_said(terminal: Terminal, project: Path) -> None:
    refused = terminal.run("test", "loud", "--allow", "env=HOME")

    assert (refused.status, refused.code) == (2, "config.invalid")
    assert "calls.toml does not grant that" in refused.err
