"""`hatchway build --interpreter`: an interpreter of ours as a file, with packages inside."""

from __future__ import annotations

import hashlib
import zipfile
from typing import TYPE_CHECKING

import pytest
from code_homes import move_in
from interpreters import artifact
from toolchains import require

from hatchway.registry.digests import digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from terminal import Terminal


@pytest.mark.slow
def test_without_a_lock_it_is_the_interpreter_that_others_use(
    terminal: Terminal, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("python")
    move_in(monkeypatch)

    built = terminal.run("build", "--interpreter", "python", "--json")

    assert built.status == 0
    assert (here / "python.wasm").read_bytes() == artifact("python")
    assert built.json == {
        "file": "python.wasm",
        "language": "python",
        "digest": digest_of(artifact("python")),
        "size": len(artifact("python")),
    }


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--lock", "x.lock"), "config.usage"),
        (("--interpreter", "cobol"), "config.unknown_language"),
        (("here", "--interpreter", "python"), "config.usage"),
        (("--interpreter", "javascript", "--lock", "x.lock"), "config.usage"),
        (("--interpreter", "python", "--lock", "x.lock"), "config.unreadable"),
        (("--interpreter", "python", "-o", "no/such/place.wasm"), "config.unwritable"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_built(
    terminal: Terminal,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: str,
) -> None:
    if code == "config.unwritable":  # the only one for which there is something to write
        require("python")
        move_in(monkeypatch)

    refused = terminal.run("build", *arguments)

    assert (refused.status, refused.code) == (2, code)
    assert list(here.glob("p*.wasm")) == []


def test_an_interpreter_that_cannot_be_built_here_says_what_to_install(
    terminal: Terminal, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hatchway.sdk.componentizing.missing", lambda: "no builder: do this")
    (here / "plus.lock").write_text("")

    refused = terminal.run("build", "--interpreter", "python", "--lock", "plus.lock")

    assert (refused.status, refused.code) == (2, "config.no_builder")
    assert refused.hints == ["do this"]


@pytest.mark.artifacts
@pytest.mark.slow
def test_packages_of_a_lock_can_be_imported_by_code(
    terminal: Terminal, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("python")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(here))
    move_in(monkeypatch)
    (here / "plus.lock").write_text(wheel(here))

    built = terminal.run(
        "build", "--interpreter", "python", "--lock", "plus.lock", "-o", "plus.wasm"
    )
    said = terminal.run(
        *("run", "plus.wasm", "--compiler", "winch", "--json"),
        *("--", '{"code": "import greeting\\ngreeting.words"}'),
    )

    assert built.status == 0
    assert "to use it yourself: hatchway add plus.wasm" in built.err
    assert (said.status, said.json["structured"]["value"]) == (0, "hello")


def wheel(directory: Path) -> str:
    """A wheel in the directory; its line in a lock."""
    place = directory / "greeting-1.0-py3-none-any.whl"
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("greeting/__init__.py", "words = 'hello'\n")
        archive.writestr(
            "greeting-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n",
        )
        archive.writestr(
            "greeting-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
    return f"greeting==1.0 --hash=sha256:{hashlib.sha256(place.read_bytes()).hexdigest()}\n"
