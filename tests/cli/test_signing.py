"""Keys, signatures and their verification, at the command line."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from private_sigstore import BEGIN, IDENTITY, ISSUER, LIFETIME, PrivateSigstore

from hatchway.core.secret import Secret
from hatchway.policy.public_keys import parse_key
from hatchway.provenance.bundle import KeyMaterial, read_bundle, sign_statement
from hatchway.provenance.keys import Message, generate_key, read_private_key, read_public_key
from hatchway.provenance.statement import CAPABILITIES, statement_bytes

if TYPE_CHECKING:
    from terminal import Done, Terminal


def keygen(terminal: Terminal, name: str = "me") -> Done:
    done = terminal.run("keygen", "--no-passphrase", "--output", name)
    assert done.status == 0, done.err
    return done


def signed(terminal: Terminal, *options: str) -> Done:
    """`echo.wasm`, signed by a new key."""
    keygen(terminal)
    done = terminal.run("sign", "echo.wasm", "--key", "me.key", *options)
    assert done.status == 0, done.err
    return done


def passphrase_file(text: str = "correct horse\n") -> str:
    file = Path("passphrase")
    file.write_text(text)
    file.chmod(0o600)
    return str(file)


# keygen


def test_a_new_key_is_two_files_and_a_line_for_the_policy(terminal: Terminal) -> None:
    done = terminal.run("keygen", "--no-passphrase")

    private, public = Path("hatchway.key"), Path("hatchway.pub")
    key = read_private_key(private.read_bytes(), None, file="hatchway.key").public
    assert (done.status, done.out) == (0, f"{key.line}\n")
    assert parse_key(done.out.strip()) == key.der
    assert read_public_key(public.read_bytes(), file="hatchway.pub") == key
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert f"its name is key:{key.key_id}" in done.err
    assert "it has no passphrase" in done.err
    assert "PRIVATE" not in done.out + done.err


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ed25519"])
def test_a_key_can_be_of_either_kind_and_have_a_passphrase(
    algorithm: str, terminal: Terminal
) -> None:
    done = terminal.run(
        *("keygen", "--algorithm", algorithm, "--output", "me", "--json"),
        *("--passphrase-file", passphrase_file()),
    )

    content = Path("me.key").read_bytes()
    key = read_private_key(content, Secret("correct horse"), file="me.key").public
    assert json.loads(done.out) == {
        "algorithm": algorithm,
        "private_key": "me.key",
        "public_key": "me.pub",
        "signer": f"key:{key.key_id}",
        "key": key.line,
    }
    assert key.algorithm == algorithm
    assert "it has no passphrase" not in done.err


def test_no_key_is_ever_written_over(terminal: Terminal) -> None:
    keygen(terminal)
    before = Path("me.key").read_bytes()

    done = terminal.run("keygen", "--no-passphrase", "--output", "me")

    assert (done.status, done.code) == (2, "config.key_exists")
    assert done.hints == ["choose another name with --output"]
    assert Path("me.key").read_bytes() == before


def test_without_anybody_to_ask_a_passphrase_must_be_decided_on(terminal: Terminal) -> None:
    done = terminal.run("keygen")

    assert (done.status, done.code) == (2, "config.bad_passphrase")
    assert done.hints == ["--passphrase-file FILE, or --no-passphrase"]
    assert not Path("hatchway.key").exists()


def test_a_passphrase_and_none_contradict_each_other(terminal: Terminal) -> None:
    done = terminal.run("keygen", "--no-passphrase", "--passphrase-file", passphrase_file())

    assert (done.status, done.code) == (2, "config.usage")


def at_a_terminal(answers: list[str], *arguments: str) -> tuple[int, str]:
    """The status of `hatchway ARGUMENTS` at a terminal where somebody types, and what it says.

    Whatever was typed before a secret is asked for is thrown away, so each answer waits for its
    question.
    """
    ours, theirs = pty.openpty()
    said = b""
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "hatchway", *arguments],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            for answer in answers:
                while not said.endswith(b": "):
                    said += (read := os.read(process.stdout.fileno(), 1000))
                    assert read, said
                os.write(ours, f"{answer}\n".encode())
                said += b"[answered]"
            said += process.stdout.read()
            return process.wait(timeout=60), said.decode()
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_passphrase_is_asked_for_twice_and_then_needed(here: Path) -> None:
    made = at_a_terminal(["correct horse"] * 2, "keygen", "--output", "me")
    signed = at_a_terminal(["correct horse"], "sign", "echo.wasm", "--key", "me.key")

    assert (made[0], signed[0]) == (0, 0), made[1] + signed[1]
    assert "correct horse" not in made[1] + signed[1]
    assert "passphrase of me.key: " in signed[1]
    content = Path("me.key").read_bytes()
    assert read_private_key(content, Secret("correct horse"), file="me.key").public.line in made[1]
    assert Path("echo.wasm.sigstore.json").exists()


def test_an_empty_passphrase_is_asked_for_again(here: Path) -> None:
    status, said = at_a_terminal(["", "correct horse", "correct horse"], "keygen")

    assert (status, said.count("[answered]")) == (0, 3), said


# sign


def test_a_signature_lies_beside_its_file_and_verifies(terminal: Terminal) -> None:
    done = signed(terminal)
    key = read_public_key(Path("me.pub").read_bytes(), file="me.pub")

    verified = terminal.run("verify", "echo.wasm", "--key", "me.pub")

    digest = Message(Path("echo.wasm").read_bytes()).digest
    assert f"signed echo.wasm as key:{key.key_id}; wrote echo.wasm.sigstore.json" in done.err
    assert verified.status == 0
    assert verified.out == (
        f"digest        {digest}\n"
        f"signed by     key:{key.key_id}\n"
        "signed        every byte of the file\n"
        "when          not known; a key says nothing of it\n"
    )


def test_a_sidecar_that_the_signature_does_not_cover_is_pointed_out(terminal: Terminal) -> None:
    done = signed(terminal)

    assert "warning: echo.tool.toml is not signed with it; hatchway pack" in done.err


def test_a_file_of_any_kind_can_be_signed(terminal: Terminal) -> None:
    keygen(terminal)
    Path("notes.txt").write_text("no artifact at all")

    done = terminal.run("sign", "notes.txt", "--key", "me.key")
    verified = terminal.run("verify", "notes.txt", "--key", "me.pub")
    stated = terminal.run("sign", "notes.txt", "--key", "me.key", "--attest-capabilities")

    assert (done.status, verified.status) == (0, 0)
    assert "warning" not in done.err
    assert (stated.status, stated.code) == (3, "admission.not_wasm")


def test_what_was_signed_can_be_told_to_programs(terminal: Terminal) -> None:
    done = signed(terminal, "--output", "elsewhere.json", "--json")

    report = json.loads(done.out)
    assert report["bundle"] == "elsewhere.json"
    assert report["statement"] is False
    assert report["digest"] == Message(Path("echo.wasm").read_bytes()).digest
    assert isinstance(read_bundle(Path("elsewhere.json").read_bytes()).material, KeyMaterial)
    verified = terminal.run("verify", "echo.wasm", "--key", "me.pub", "--json")
    assert (verified.status, verified.code) == (3, "admission.unsigned")
    verified = terminal.run(
        "verify", "echo.wasm", "--key", "me.pub", "--bundle", "elsewhere.json", "--json"
    )
    assert json.loads(verified.out) == {
        "verified": True,
        "digest": report["digest"],
        "signer": report["signer"],
        "bundle": Message(Path("elsewhere.json").read_bytes()).digest,
        "statement": None,
        "capabilities": None,
        "statement_fits": None,
        "signed_between": None,
    }


def test_a_statement_of_capabilities_is_signed_read_and_compared(terminal: Terminal) -> None:
    signed(terminal, "--attest-capabilities")

    verified = terminal.run("verify", "echo.wasm", "--key", "me.pub", "--json")
    in_words = terminal.run("verify", "echo.wasm", "--key", "me.pub")

    report = json.loads(verified.out)
    inspected = json.loads(terminal.run("inspect", "echo.wasm", "--json").out)
    audited = json.loads(terminal.run("audit", "echo.wasm", "--json").out)
    assert report["statement"] == CAPABILITIES
    assert report["statement_fits"] is True
    assert report["capabilities"]["capabilities"] == inspected["capabilities"]
    assert report["capabilities"]["grade"] == audited["grade"]
    assert report["capabilities"]["tool"] == "echo"
    assert list(report["capabilities"]["tools"]) == inspected["tools"]
    assert "said to ask   stdio\n" in in_words.out
    assert f"said grade    {audited['grade']}\n" in in_words.out


def test_the_hashes_of_tool_text_are_those_of_the_lockfile(terminal: Terminal) -> None:
    signed(terminal, "--attest-capabilities")
    terminal.run("add", "echo.wasm", "--yes")

    report = json.loads(terminal.run("verify", "echo.wasm", "--key", "me.pub", "--json").out)

    lock = json.loads(
        (Path(os.environ["XDG_CONFIG_HOME"]) / "hatchway" / "hatchway.lock").read_text()
    )
    assert report["capabilities"]["tools"] == lock["tools"]["echo"]["tools"]
    assert report["capabilities"]["imports"] == lock["tools"]["echo"]["imports"]


@pytest.mark.parametrize("file", ["echo.wasm", "notes.txt"])
def test_a_statement_that_is_not_true_of_its_artifact_is_pointed_out(
    file: str, terminal: Terminal
) -> None:
    key = generate_key("ed25519")
    Path("me.pub").write_bytes(key.public.to_pem())
    Path("notes.txt").write_text("no artifact at all")
    predicate = {
        "tool": "echo", "kind": "module", "capabilities": {}, "imports": [], "tools": {},
        "grade": "A", "rules": "1",
    }  # fmt: skip
    statement = statement_bytes(
        name="echo",
        digest=Message(Path(file).read_bytes()).digest,
        predicate_type=CAPABILITIES,
        predicate=predicate,
    )
    Path(f"{file}.sigstore.json").write_bytes(sign_statement(key, statement))

    done = terminal.run("verify", file, "--key", "me.pub")

    assert done.status == 0
    assert "warning: the signer's statement of capabilities is not what this artifact" in done.err
    assert "said to ask   nothing\n" in done.out


def test_a_key_with_a_passphrase_needs_it(terminal: Terminal) -> None:
    terminal.run("keygen", "--output", "me", "--passphrase-file", passphrase_file())
    sign = ("sign", "echo.wasm", "--key", "me.key")

    without = terminal.run(*sign)
    wrong = terminal.run(*sign, "--passphrase-file", passphrase_file("wrong horse"))
    right = terminal.run(*sign, "--passphrase-file", passphrase_file())

    assert (without.status, without.code) == (2, "config.bad_passphrase")
    assert without.hints == ["--passphrase-file FILE"]
    assert (wrong.status, wrong.code) == (2, "config.bad_passphrase")
    assert right.status == 0


def test_the_public_half_does_not_sign(terminal: Terminal) -> None:
    keygen(terminal)

    done = terminal.run("sign", "echo.wasm", "--key", "me.pub")

    assert (done.status, done.code) == (2, "config.bad_key")
    assert done.hints == ["this is a public key; the private key is needed here"]


def test_a_key_that_others_can_read_does_not_sign(terminal: Terminal) -> None:
    keygen(terminal)
    Path("me.key").chmod(0o644)

    done = terminal.run("sign", "echo.wasm", "--key", "me.key")

    assert (done.status, done.code) == (2, "config.key_exposed")
    assert done.hints == ["chmod 600 me.key"]


def test_a_bundle_that_cannot_be_written_is_said_so(terminal: Terminal) -> None:
    keygen(terminal)

    done = terminal.run("sign", "echo.wasm", "--key", "me.key", "--output", "no/where.json")

    assert (done.status, done.code) == (2, "config.unwritable")


def test_a_command_that_signs_nothing_does_not_load_what_signs() -> None:
    names = "[name for name in sys.modules if name in ('cryptography', 'sigstore')]"
    code = f"import sys, hatchway.cli.main; print({names})"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert done.stdout == b"[]\n"


# verify


ALTERED = {
    "longer": lambda data: data + b"\0",
    "shorter": lambda data: data[:-1],
    "a component's header": lambda data: b"\0asm\x0d\0\1\0" + data[8:],
}


@pytest.mark.parametrize("how", ALTERED)
@pytest.mark.parametrize("options", [(), ("--attest-capabilities",)], ids=["bytes", "statement"])
def test_an_altered_file_does_not_verify(
    how: str, options: tuple[str, ...], terminal: Terminal
) -> None:
    signed(terminal, *options)
    Path("echo.wasm").write_bytes(ALTERED[how](Path("echo.wasm").read_bytes()))

    done = terminal.run("verify", "echo.wasm", "--key", "me.pub", "--json")

    assert (done.status, done.code) == (3, "admission.wrong_artifact")
    report = json.loads(done.out)
    assert report["verified"] is False
    assert report["error"]["code"] == "admission.wrong_artifact"


def test_another_key_does_not_verify(terminal: Terminal) -> None:
    signed(terminal)
    keygen(terminal, "other")

    done = terminal.run("verify", "echo.wasm", "--key", "other.pub")

    assert (done.status, done.code, done.out) == (3, "admission.bad_signature", "")


def test_a_file_without_a_signature_does_not_verify(terminal: Terminal) -> None:
    keygen(terminal)

    done = terminal.run("verify", "echo.wasm", "--key", "me.pub")
    named = terminal.run("verify", "echo.wasm", "--key", "me.pub", "--bundle", "none.json")

    assert (done.status, done.code) == (3, "admission.unsigned")
    assert done.hints == ["--bundle BUNDLE says where it is"]
    assert (named.status, named.code) == (2, "config.unreadable")


def test_a_bundle_that_is_none_does_not_verify(terminal: Terminal) -> None:
    keygen(terminal)
    Path("echo.wasm.sigstore.json").write_text("{}")

    done = terminal.run("verify", "echo.wasm", "--key", "me.pub")

    assert (done.status, done.code) == (3, "admission.bad_bundle")


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--identity", IDENTITY),
        ("--issuer", ISSUER),
        ("--key", "me.pub", "--identity", IDENTITY, "--issuer", ISSUER),
        ("--key", "me.pub", "--trust-root", "root.json"),
    ],
    ids=["nobody", "no issuer", "no identity", "two", "a root for a key"],
)
def test_who_should_have_signed_must_be_said_in_one_way(
    options: tuple[str, ...], terminal: Terminal
) -> None:
    signed(terminal)

    done = terminal.run("verify", "echo.wasm", *options)

    assert (done.status, done.code, done.out) == (2, "config.usage", "")


@pytest.mark.parametrize(("identity", "issuer"), [("", ISSUER), (IDENTITY, ""), ("*", ISSUER)])
def test_nobody_is_no_identity(identity: str, issuer: str, terminal: Terminal) -> None:
    signed(terminal)

    done = terminal.run("verify", "echo.wasm", "--identity", identity, "--issuer", issuer)

    assert (done.status, done.code) == (2, "config.bad_identity")


def keyless(artifact: bytes) -> Any:
    """Sign as the workflow of a Sigstore of our own, whose root is in `root.json`."""
    sigstore = PrivateSigstore()
    Path("root.json").write_bytes(sigstore.trust_root)
    Path("echo.wasm.sigstore.json").write_text(json.dumps(sigstore.sign(artifact)))


BY_WORKFLOW = ("--identity", IDENTITY, "--issuer", ISSUER)


def test_an_identity_verifies_offline_with_a_trust_root(terminal: Terminal) -> None:
    keyless(Path("echo.wasm").read_bytes())

    done = terminal.run("verify", "echo.wasm", *BY_WORKFLOW, "--trust-root", "root.json")

    assert done.status == 0, done.err
    assert f"signed by     identity:{IDENTITY}@{ISSUER}\n" in done.out
    assert f"{BEGIN.isoformat()} to {(BEGIN + LIFETIME).isoformat()}" in done.out


def test_an_identity_of_another_instance_or_artifact_does_not_verify(terminal: Terminal) -> None:
    keyless(Path("echo.wasm").read_bytes())

    public = terminal.run("verify", "echo.wasm", *BY_WORKFLOW)
    replayed = terminal.run(
        *("verify", "text.wasm", *BY_WORKFLOW, "--trust-root", "root.json"),
        *("--bundle", "echo.wasm.sigstore.json"),
    )

    assert (public.status, public.code) == (3, "admission.bad_signature")
    assert (replayed.status, replayed.code) == (3, "admission.wrong_artifact")


def test_bundles_of_keys_and_identities_are_told_apart(terminal: Terminal) -> None:
    signed(terminal)
    by_identity = terminal.run("verify", "echo.wasm", *BY_WORKFLOW)
    keyless(Path("echo.wasm").read_bytes())
    by_key = terminal.run("verify", "echo.wasm", "--key", "me.pub")

    assert (by_identity.status, by_identity.hints) == (3, ["use --key"])
    assert (by_key.status, by_key.hints) == (3, ["use --identity"])


def test_what_a_bundle_says_cannot_move_the_cursor(terminal: Terminal) -> None:
    signed(terminal)
    bundle = json.loads(Path("echo.wasm.sigstore.json").read_text())
    bundle["verificationMaterial"]["publicKey"]["hint"] = "\x1b[2J"
    bundle["messageSignature"]["signature"] = b64encode(b"x" * 64).decode()
    Path("echo.wasm.sigstore.json").write_text(json.dumps(bundle))

    done = terminal.run("verify", "echo.wasm", "--key", "me.pub")

    assert (done.status, done.code) == (3, "admission.bad_signature")
    assert "\x1b" not in done.err
