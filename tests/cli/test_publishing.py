"""Publishing, and admitting what was published, through a directory that needs no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from terminal import Terminal

PLACE = "oci-layout:published:v1"


def signing_key(terminal: Terminal) -> str:
    terminal.run("keygen", "--no-passphrase", "--output", "acme")
    return "acme.key"


def test_what_was_pushed_is_added_from_there(terminal: Terminal, here: Path) -> None:
    key = signing_key(terminal)
    terminal.run("pack", "echo.wasm", "-o", "dist.wasm")

    pushed = terminal.run("push", "dist.wasm", PLACE, "--key", key, "--json")
    added = terminal.run("add", pushed.json["reference"], "--name", "echo", "--yes", "--json")
    called = terminal.run("call", "echo", '{"text": "hello"}')

    assert (pushed.status, added.status) == (0, 0)
    assert pushed.json["bundles"] == 2
    assert pushed.json["signer"].startswith("key:")
    assert added.json["digest"] == pushed.json["digest"]
    assert called.out == '{"text": "hello"}\n'


def test_a_component_is_published_with_what_it_imports_and_exports(
    terminal: Terminal, here: Path
) -> None:
    pushed = terminal.run("push", "nosy.wasm", PLACE, "--json")

    texts = [file.read_bytes() for file in (here / "published/blobs/sha256").iterdir()]
    assert pushed.json["signer"] is None
    assert any(b'"os":"wasip2"' in text and b"wasi:filesystem/" in text for text in texts)


def test_a_bundle_beside_the_file_goes_with_it(terminal: Terminal, here: Path) -> None:
    terminal.run("sign", "text.wasm", "--key", signing_key(terminal))

    pushed = terminal.run("push", "text.wasm", PLACE, "--json")

    assert pushed.json["bundles"] == 1


def test_a_damaged_bundle_stops_everything_before_it_begins(terminal: Terminal, here: Path) -> None:
    (here / "text.wasm.sigstore.json").write_text("{}")

    pushed = terminal.run("push", "text.wasm", PLACE)

    assert pushed.status != 0
    assert not (here / "published").exists()


def test_somebody_is_told_that_a_sidecar_stays_behind(terminal: Terminal) -> None:
    pushed = terminal.run("push", "echo.wasm", PLACE)

    assert pushed.status == 0
    assert "echo.tool.toml is not published with it" in pushed.err
    assert "hatchway keygen" in pushed.err


def test_only_registries_and_layouts_take_artifacts(terminal: Terminal) -> None:
    pushed = terminal.run("push", "echo.wasm", "https://example.com/echo.wasm")

    assert (pushed.status, pushed.code) == (2, "config.bad_source")


def test_what_cannot_be_read_strictly_is_not_published(terminal: Terminal, here: Path) -> None:
    (here / "cut.wasm").write_bytes((here / "text.wasm").read_bytes()[:-1])

    pushed = terminal.run("push", "cut.wasm", PLACE)

    assert (pushed.status, pushed.code) == (3, "admission.malformed")
