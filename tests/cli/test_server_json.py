"""`server.json`: what the MCP registry is told about a set of tools, and what it is not told."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from doors import over_stdio
from guests import wasm
from locks import forge_lock
from registry_schema import command_of, misfits, registry_validator
from servers import Reply, serving
from workbench import ECHO_JSON, ECHO_MANIFEST

import hatchway
from hatchway.policy.manifest import parse_manifest_toml
from hatchway.sdk.packing import packed

if TYPE_CHECKING:
    from terminal import Done, Terminal

NAME = ("--name", "io.github.acme/texts", "--version", "1.0.0")
MANIFEST_DIGEST = f"sha256:{'a' * 64}"
PUBLISHERS = "io.modelcontextprotocol.registry/publisher-provided"


def own(name: str) -> Path:
    return Path(os.environ["XDG_CONFIG_HOME"]) / "hatchway" / name


def published(terminal: Terminal, here: Path, *names: str, allow: tuple[str, ...] = ()) -> None:
    """Tools that were admitted here from a public registry, as far as policy and lock can tell."""
    (here / "packed.wasm").write_bytes(
        packed(wasm(ECHO_JSON), parse_manifest_toml(ECHO_MANIFEST, file="tool.toml"))
    )
    flags = [part for each in allow for part in ("--allow", each)]
    for name in names:
        source = f"oci://ghcr.io/acme/{name}:1.0"
        added = terminal.run("add", "packed.wasm", "--name", name, "--yes", *flags)
        assert added.status == 0, added.err

        def moved(entry: dict[str, Any], source: str = source) -> None:
            entry["source"] = source
            entry["resolved"] = f"{source}@{MANIFEST_DIGEST}"
            entry["manifest_digest"] = MANIFEST_DIGEST

        forge_lock(own("hatchway.lock"), name, moved)
        policy = own("hatchway.toml").read_text()
        own("hatchway.toml").write_text(policy.replace(f"{here}/packed.wasm", source))


def described(terminal: Terminal, *arguments: str) -> Done:
    return terminal.run("server-json", *arguments, *NAME)


def test_a_whole_document_has_this_text(terminal: Terminal, here: Path) -> None:
    published(terminal, here, "shout", "echo", allow=("env=LANG", "env=GITHUB_TOKEN", "clock"))

    done = described(terminal)

    digest = json.loads(own("hatchway.lock").read_text())["tools"]["echo"]["digest"]
    assert done.status == 0
    assert done.json == {
        "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        "name": "io.github.acme/texts",
        "description": "Tools in WebAssembly sandboxes: echo, shout",
        "version": "1.0.0",
        "packages": [
            {
                "registryType": "pypi",
                "identifier": "hatchway",
                "version": hatchway.__version__,
                "runtimeHint": "uvx",
                "transport": {"type": "stdio"},
                "packageArguments": [
                    {
                        "type": "named",
                        "name": "--config",
                        "description": "Your hatchway.toml with the tools that _meta names: add "
                        "each with `hatchway add REFERENCE --name NAME`, or put a checkout that "
                        "has them in force with `hatchway trust DIR`.",
                        "format": "filepath",
                        "isRequired": True,
                    },
                    {"type": "positional", "value": "serve"},
                ],
                "environmentVariables": [
                    {
                        "name": "GITHUB_TOKEN",
                        "description": "read by echo, shout",
                        "isRequired": True,
                        "isSecret": True,
                    },
                    {
                        "name": "LANG",
                        "description": "read by echo, shout",
                        "isRequired": True,
                        "isSecret": False,
                    },
                ],
            }
        ],
        "_meta": {
            PUBLISHERS: {
                "hatchway": {
                    "tools": [
                        {
                            "name": name,
                            "reference": f"oci://ghcr.io/acme/{name}:1.0@{MANIFEST_DIGEST}",
                            "digest": digest,
                        }
                        for name in ("echo", "shout")
                    ]
                }
            }
        },
    }
    assert misfits(done.json) == []


@pytest.mark.artifacts
def test_it_fits_the_registrys_own_schema(terminal: Terminal, here: Path, tmp_path: Path) -> None:
    validator = registry_validator(tmp_path / "packages")
    published(terminal, here, "shout", "echo", allow=("env=LANG", "clock"))
    bare = described(terminal, "echo", "--package", "acme-texts==2.1.0rc1")
    whole = described(terminal)

    for done in (bare, whole):
        assert list(validator.iter_errors(done.json)) == []
    # The schema is one that notices.
    assert list(validator.iter_errors({**whole.json, "name": "texts"})) != []


def test_the_same_tools_are_the_same_document_in_whatever_order(
    terminal: Terminal, here: Path
) -> None:
    published(terminal, here, "shout", "echo")

    one = described(terminal, "shout", "echo", "--output", "one.json")
    two = described(terminal, "echo", "shout", "--output", "two.json")

    assert (one.status, one.out, two.status) == (0, "", 0)
    assert (here / "one.json").read_bytes() == (here / "two.json").read_bytes()


def test_nothing_of_this_machine_is_in_it(terminal: Terminal, here: Path, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    published(
        terminal,
        here,
        "echo",
        allow=("env=MODE=a-value", "env=LANG", f"fs.read={tmp_path}/private:/data"),
    )

    done = described(terminal)

    assert "a-value" not in done.out
    assert str(tmp_path) not in done.out
    assert os.environ["HOME"] not in done.out
    assert [item["name"] for item in done.json["packages"][0]["environmentVariables"]] == ["LANG"]


def test_a_secret_of_the_host_is_asked_for_as_one(terminal: Terminal, here: Path) -> None:
    published(terminal, here, "echo", allow=("net.http=https://api.example.com", "env=REGION"))
    own("hatchway.toml").write_text(
        own("hatchway.toml").read_text()
        + 'secrets = [{ name = "KEY", from = "env:REGION", to = "https://api.example.com" },'
        ' { name = "OTHER", from = "file:/srv/key", to = "https://api.example.com",'
        ' header = "x-other" }]\n'
    )

    done = described(terminal)

    assert done.json["packages"][0]["environmentVariables"] == [
        {
            "name": "REGION",
            "description": "read by echo; put into requests, and seen by no tool, for echo",
            "isRequired": True,
            "isSecret": True,
        }
    ]
    assert "/srv/key" not in done.out


@pytest.mark.parametrize("joined", [True, False])
def test_what_a_client_makes_of_it_is_a_server_with_these_tools(
    joined: bool, terminal: Terminal, here: Path
) -> None:
    published(terminal, here, "echo")
    document = described(terminal).json
    words = command_of(document, config=own("hatchway.toml"), joined=joined)

    async def main() -> None:
        async with over_stdio(*words) as client:
            listed = await client.list_tools()
            called = await client.call_tool("echo", {"text": "x"})

            assert [tool.name for tool in listed.tools] == ["echo"]
            assert called.structured_content == {"text": "x"}

    anyio.run(main)


def test_a_package_of_ones_own_can_start_it(terminal: Terminal, here: Path) -> None:
    published(terminal, here, "echo")

    default = described(terminal)
    done = described(terminal, "--package", "acme-texts==2.1.0", "--description", "Says it again.")

    (package,) = done.json["packages"]
    assert (package["identifier"], package["version"]) == ("acme-texts", "2.1.0")
    assert done.json["description"] == "Says it again."
    assert "the official registry asks for a package of your own" in default.err
    assert done.err == ""


# What nobody else could get


def test_a_file_of_this_machine_is_refused_with_how_to_publish_it(terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes")

    done = described(terminal)

    assert (done.status, done.code, done.out) == (2, "config.not_published", "")
    assert "nobody else can get 'echo'" in done.err
    assert done.hints == [
        "hatchway push FILE oci://REGISTRY/REPOSITORY:TAG, then "
        "hatchway update echo --to oci://REGISTRY/REPOSITORY:TAG"
    ]


def test_a_directory_and_a_server_of_this_machine_are_no_better(
    terminal: Terminal, here: Path
) -> None:
    terminal.run("push", "text.wasm", "oci-layout:published:v1")
    terminal.run("add", "oci-layout:published:v1", "--name", "text", "--yes")
    with serving(lambda _: Reply((here / "text.wasm").read_bytes())) as server:
        terminal.run("add", f"{server.origin}/text.wasm", "--name", "web", "--yes")

    for name in ("text", "web"):
        done = described(terminal, name)
        assert (done.status, done.code) == (2, "config.not_published")


def test_one_that_is_published_can_be_chosen_from_others(terminal: Terminal, here: Path) -> None:
    published(terminal, here, "shout")
    terminal.run("add", "echo.wasm", "--yes")

    done = described(terminal, "shout")
    unknown = described(terminal, "shuot")

    assert done.status == 0
    assert (unknown.status, unknown.code) == (2, "config.no_such_tool")
    assert unknown.hints == ["did you mean 'shout'?"]


def test_a_tool_that_is_not_what_was_approved_is_not_described(
    terminal: Terminal, here: Path
) -> None:
    published(terminal, here, "echo")
    forge_lock(own("hatchway.lock"), "echo", lambda entry: entry.update(imports=[]))

    done = described(terminal)

    assert (done.status, done.code, done.out) == (2, "config.drift", "")


def test_what_only_this_machine_lacks_is_no_obstacle(
    terminal: Terminal, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(terminal, here, "echo", allow=("env=SURELY_NOT_SET",))

    assert terminal.run("list", "--json").json[0]["state"] == "quarantined"
    assert described(terminal).status == 0


def test_a_manifest_that_does_not_come_along_is_pointed_out(terminal: Terminal, here: Path) -> None:
    source = "oci://ghcr.io/acme/echo:1.0"
    terminal.run("add", "echo.wasm", "--yes")

    def moved(entry: dict[str, Any]) -> None:
        entry["source"], entry["resolved"] = source, f"{source}@{MANIFEST_DIGEST}"
        entry["manifest_digest"] = MANIFEST_DIGEST

    forge_lock(own("hatchway.lock"), "echo", moved)
    policy = own("hatchway.toml").read_text()
    own("hatchway.toml").write_text(policy.replace(f"{here}/echo.wasm", source))

    done = described(terminal)

    assert done.status == 0
    assert "the manifest of 'echo' is not in its artifact, so others get it without" in done.err


def test_without_tools_there_is_nothing_to_describe(terminal: Terminal) -> None:
    done = described(terminal)

    assert (done.status, done.code) == (2, "config.no_such_tool")


def test_a_place_that_cannot_be_written_is_an_error(terminal: Terminal, here: Path) -> None:
    published(terminal, here, "echo")

    done = described(terminal, "--output", "nowhere/server.json")

    assert (done.status, done.code) == (2, "config.unwritable")


# What a registry would not take

REFUSED: dict[str, tuple[str, ...]] = {
    "a name without a slash": ("--name", "texts"),
    "a name with two slashes": ("--name", "io.github.acme/a/b"),
    "a namespace that is no domain": ("--name", "acme/texts"),
    "a name of one letter": ("--name", "io.github.acme/t"),
    "a name with a blank": ("--name", "io.github.acme/te xts"),
    "a name that ends in a line feed": ("--name", "io.github.acme/texts\n"),
    "a name of another script": ("--name", "io.github.аcme/texts"),
    "an endless name": ("--name", f"io.github.acme/{'x' * 190}"),
    "the latest version": ("--version", "latest"),
    "a range of versions": ("--version", "^1.0.0"),
    "a wildcard version": ("--version", "1.x"),
    "an endless version": ("--version", f"1.0.0-{'1' * 250}"),
    "no description": ("--description", " "),
    "a long description": ("--description", "x" * 101),
    "a hidden description": ("--description", "a\u202eb"),
    "a package without a version": ("--package", "acme-texts"),
    "a package of any version": ("--package", "acme-texts>=1"),
    "a package of a wildcard version": ("--package", "acme-texts==1.*"),
    "a package with a digest": ("--package", "acme==1@sha256:0"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_registry_would_not_take_is_refused_here(
    what: str, terminal: Terminal, here: Path
) -> None:
    published(terminal, here, "echo")

    done = terminal.run("server-json", *NAME, *REFUSED[what])

    assert (done.status, done.code, done.out) == (2, "config.invalid", "")
    assert done.hints
