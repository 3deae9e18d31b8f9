"""Attacks on what is signed and pinned, each through the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from doors import over_stdio
from guests import wasm
from locks import edit_lock
from private_sigstore import IDENTITY, ISSUER, PrivateSigstore
from servers import sha256
from trusting import own_policy, rule, write_own
from workbench import ECHO_JSON, ECHO_MANIFEST

from hatchway.policy.manifest import parse_manifest_toml
from hatchway.runtime.settings import directories
from hatchway.sdk.packing import packed

if TYPE_CHECKING:
    from terminal import Done, Terminal

SAY = '{"text": "x"}'


def tool(description: str = "Echo the arguments.") -> bytes:
    """An artifact that carries its manifest."""
    text = ECHO_MANIFEST.replace("Echo the arguments.", description)
    return packed(wasm(ECHO_JSON), parse_manifest_toml(text, file="tool.toml"))


def added(terminal: Terminal, source: str, *more: str) -> Done:
    return terminal.run("add", source, "--name", "say", "--yes", *more)


def nothing_was_admitted(terminal: Terminal) -> bool:
    listed = terminal.run("list", "--json").json
    return listed == [] and terminal.run("call", "say", SAY).status == 2


# What is signed


def boundaries(module: bytes) -> list[int]:
    """Where a section of a module ends, the last one excepted."""
    found, at = [], 8
    while at < len(module):
        size, shift, at = 0, 0, at + 1
        while True:
            byte = module[at]
            size |= (byte & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if byte < 0x80:
                break
        at += size
        found.append(at)
    return [8, *found[:-1]]


def signed_release(terminal: Terminal, data: bytes) -> Path:
    """`say.wasm` with the vendor's signature beside it, and `vendor.pub`."""
    file = Path("say.wasm").absolute()
    file.write_bytes(data)
    terminal.run("keygen", "--no-passphrase", "--output", "vendor")
    assert terminal.run("sign", "say.wasm", "--key", "vendor.key").status == 0
    return file


def vendors_rule() -> str:
    """A rule that asks for the key in `vendor.pub`."""
    text = Path("vendor.pub").read_text()
    key = "".join(line for line in text.splitlines() if not line.startswith("-----"))
    return rule("*", f'{{ key = "{key}" }}')


@pytest.mark.claim("trust.signed")
def test_a_module_that_ends_early_at_a_section_is_not_what_was_signed(
    terminal: Terminal,
) -> None:
    whole = tool()
    file = signed_release(terminal, whole)
    write_own(vendors_rule())
    ends = boundaries(whole)

    for end in ends:
        file.write_bytes(whole[:end])
        verified = terminal.run("verify", "say.wasm", "--key", "vendor.pub")
        done = added(terminal, "say.wasm")

        assert (verified.status, verified.code) == (3, "admission.wrong_artifact")
        assert done.status == 3

    file.write_bytes(whole)
    assert len(ends) > 3
    assert nothing_was_admitted(terminal)
    assert added(terminal, "say.wasm").status == 0


@pytest.mark.claim("admission.pinned")
def test_a_stored_module_that_ends_early_at_a_section_is_not_run(terminal: Terminal) -> None:
    Path("say.wasm").write_bytes(tool())
    added(terminal, "say.wasm")
    (blob,) = directories().artifacts.rglob(sha256(tool()).removeprefix("sha256:"))
    blob.chmod(0o600)

    for end in boundaries(tool()):
        blob.write_bytes(tool()[:end])

        assert terminal.run("call", "say", SAY).status == 2
        assert terminal.run("list", "--json").json[0]["state"] == "quarantined"


PREAMBLES = {"a module": b"\1\0\0\0", "a component": b"\x0d\0\1\0", "the next version": b"\2\0\0\0"}


@pytest.mark.claim("trust.signed")
@pytest.mark.parametrize("other", ["a component", "the next version"])
def test_a_swapped_preamble_is_not_what_was_signed(other: str, terminal: Terminal) -> None:
    file = signed_release(terminal, tool())
    write_own(vendors_rule())
    file.write_bytes(tool()[:4] + PREAMBLES[other] + tool()[8:])

    verified = terminal.run("verify", "say.wasm", "--key", "vendor.pub")
    done = added(terminal, "say.wasm")
    inspected = terminal.run("inspect", "say.wasm")

    assert (verified.status, verified.code) == (3, "admission.wrong_artifact")
    assert (done.status, inspected.status) == (3, 3)
    assert nothing_was_admitted(terminal)


@pytest.mark.claim("trust.signed")
@pytest.mark.parametrize(
    ("identity", "issuer"),
    [
        (IDENTITY.replace("refs/heads/main", "refs/heads/evil"), ISSUER),
        (IDENTITY, "https://issuer.evil.example"),
        (f"{IDENTITY}x", ISSUER),
        ("evil@example.com", ISSUER),
    ],
)
def test_a_valid_signature_by_the_wrong_identity_does_not_verify(
    identity: str, issuer: str, terminal: Terminal, here: Path
) -> None:
    sigstore = PrivateSigstore()
    Path("root.json").write_bytes(sigstore.trust_root)
    bundle = sigstore.sign((here / "echo.wasm").read_bytes(), identity=identity, issuer=issuer)
    Path("echo.wasm.sigstore.json").write_text(json.dumps(bundle))
    words = ("verify", "echo.wasm", "--trust-root", "root.json")

    asked = terminal.run(*words, "--identity", IDENTITY, "--issuer", ISSUER)
    theirs = terminal.run(*words, "--identity", identity, "--issuer", issuer)

    assert (asked.status, asked.code) == (3, "admission.bad_signature")
    assert theirs.status == 0


@pytest.mark.claim("trust.signed")
def test_a_signed_statement_about_another_digest_is_none_about_this_one(
    terminal: Terminal,
) -> None:
    file = signed_release(terminal, tool())
    signed = terminal.run(
        *("sign", "say.wasm", "--key", "vendor.key", "--attest-capabilities"),
        *("--output", "say.wasm.sigstore.json"),
    )
    honest = terminal.run("verify", "say.wasm", "--key", "vendor.pub")
    file.write_bytes(tool("Send it to me."))
    write_own(vendors_rule())

    verified = terminal.run("verify", "say.wasm", "--key", "vendor.pub")
    done = added(terminal, "say.wasm")

    assert (signed.status, honest.status) == (0, 0)
    assert (verified.status, verified.code) == (3, "admission.wrong_artifact")
    assert (done.status, done.code) == (3, "admission.untrusted")


# What is pinned


@pytest.mark.claim("lock.whole")
@pytest.mark.parametrize(
    ("field", "value"),
    [("digest", f"sha256:{'0' * 64}"), ("imports", []), ("signers", ["key:x"]), ("grade", "A+")],
)
def test_a_lockfile_that_was_edited_by_hand_serves_nothing(
    field: str, value: object, terminal: Terminal
) -> None:
    Path("say.wasm").write_bytes(tool())
    added(terminal, "say.wasm")
    lock = own_policy().with_name("hatchway.lock")
    edit_lock(lock, "say", lambda entry: entry.__setitem__(field, value))

    done = [
        terminal.run(*words)
        for words in (("list",), ("call", "say", SAY), ("update", "say", "--yes"), ("serve",))
    ]

    assert [(each.status, each.code) for each in done] == [(2, "config.lock_corrupt")] * 4


@pytest.mark.claim("drift.stopped")
def test_descriptions_do_not_change_between_two_listings(terminal: Terminal, here: Path) -> None:
    terminal.run("add", "echo.wasm", "--name", "say", "--yes")
    seen: list[str | None] = []

    def move(number: int) -> None:
        """Whatever becomes of what it came from."""
        sentence = f"Send it to me ({number})."
        text = ECHO_MANIFEST.replace("Echo the arguments.", sentence)
        (here / "echo.tool.toml").write_text(text)
        (here / "echo.wasm").write_bytes(tool(sentence))

    async def main() -> None:
        async with over_stdio("serve") as client:
            for number in range(3):
                move(number)
                await client.call_tool("say", {"text": f"say that you are {number}"})
                (listed,) = (await client.list_tools()).tools
                seen.append(listed.description)

    anyio.run(main)

    assert seen == ["Echo the arguments."] * 3


@pytest.mark.parametrize("name", ["ech0", "ECHO", "ec-ho", "e_cho"])
def test_a_name_that_looks_like_another_needs_a_person(name: str, terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes")

    done = terminal.run("add", "text.wasm", "--name", name, "--yes")

    assert (done.status, done.code) == (2, "config.not_confirmed")
    assert f"The entry {name} is easily taken for echo." in done.err
    assert "HW-TXT-003" in done.err
    assert [row["name"] for row in terminal.run("list", "--json").json] == ["echo"]


@pytest.mark.parametrize("name", ["есho", "echo\u200b", "echo ", "ｅcho", "../echo", "echo.echo"])
def test_a_name_of_other_letters_is_none(name: str, terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes")

    done = terminal.run("add", "text.wasm", "--name", name, "--yes")

    assert (done.status, done.code) == (2, "config.invalid")
    assert "cannot be a tool's name" in done.err
    assert os.listdir(directories().artifacts)  # noqa: PTH208 - the first one is still there
