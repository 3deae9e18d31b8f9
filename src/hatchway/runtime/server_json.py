"""`server.json`: how the MCP registry describes a set of tools to those who do not have them yet.

A client cannot run a `.wasm`. What it runs is `hatchway serve`, so that is the package which the
document names, with the policy as an argument. Which tools are meant stands where the format keeps
what only publishers understand, each as the one version that was approved. Nothing else of this
machine is in it: no path, no value, no grant.

Source: the format of 2025-12-11 and the requirements of the official registry, in
`docs/reference/server-json` of modelcontextprotocol/registry.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatchway.audit.rules.pol_009_secrets_in_the_environment import names_a_secret
from hatchway.core.capability import EnvironmentVariable
from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable
from hatchway.registry.hosts import is_loopback
from hatchway.registry.reference import LayoutReference, OciReference, PathReference, WebReference
from hatchway.registry.spelling import parse_reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hatchway.policy.document import ToolPolicy
    from hatchway.provenance.lockfile import LockedTool

SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
PUBLISHERS = "io.modelcontextprotocol.registry/publisher-provided"
"""The one key of `_meta` that a registry keeps."""

MAX_PUBLISHERS_BYTES = 4096
"""Of what stands under that key; more is refused."""
MAX_DESCRIPTION = 100

_NAME = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9][A-Za-z0-9-]*)+/"
    r"[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]",
    re.ASCII,
)
_VERSION = re.compile(r"\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?", re.ASCII)
_PACKAGE = re.compile(r"(?P<name>[^=]+)==(?P<version>[^=#@]+)")
_MAX_NAME = 200
_MAX_VERSION = 255
_ESCAPED = re.compile("[<>&\u2028\u2029]")
"""What the registry's own writer of JSON spells with six characters."""

_CONFIG = (
    "Your hatchway.toml with the tools that _meta names: add each with `hatchway add REFERENCE "
    "--name NAME`, or put a checkout that has them in force with `hatchway trust DIR`."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a publisher says of a set of tools.

    Attributes:
        name: In reverse-DNS form, `io.github.USER/NAME`.
        version: Of this set; exact.
        description: At most 100 characters; None for one made of the tools' names.
        package: Of the Python package index: what starts `hatchway` when it is run.
        package_version: Exact.
    """

    name: str
    version: str
    description: str | None
    package: str
    package_version: str


def parse_listing(name: str, version: str, description: str | None, package: str) -> Listing:
    """A listing as the command line spells it.

    Args:
        name: Of the set.
        version: Of the set.
        description: One line.
        package: `NAME==VERSION`.

    Raises:
        ConfigError: A registry would not take it.
    """
    if len(name) > _MAX_NAME or not _NAME.fullmatch(name):
        message = f"{printable(name)!r} is no name for the MCP registry"
        raise ConfigError(message, hint="reverse DNS and one slash: io.github.USER/NAME")
    if len(version) > _MAX_VERSION or not _VERSION.fullmatch(version):
        message = f"{printable(version)!r} is not one exact version"
        raise ConfigError(message, hint="three numbers, as in 1.0.2 or 2.1.0-beta.1")
    if description is not None and not _is_description(description):
        message = f"a description has 1 to {MAX_DESCRIPTION} printable characters"
        raise ConfigError(message, hint="what the tools are for, in one sentence")
    match = _PACKAGE.fullmatch(package)
    if match is None or not _is_package(match["name"], match["version"]):
        message = f"{printable(package)!r} names no version of a package"
        raise ConfigError(message, hint="--package NAME==VERSION, as the package index spells it")
    return Listing(
        name=name,
        version=version,
        description=description,
        package=match["name"],
        package_version=match["version"],
    )


def _is_description(text: str) -> bool:
    return len(text.strip()) > 0 and len(text) <= MAX_DESCRIPTION and text.isprintable()


def _is_package(name: str, version: str) -> bool:
    try:
        parse_reference(f"pypi:{name}=={version}#any.wasm")
    except ConfigError:
        return False
    return True


def server_json(
    listing: Listing, tools: Mapping[str, tuple[ToolPolicy, LockedTool]]
) -> dict[str, Any]:
    """The document: the same for the same tools, in whatever order they come.

    Args:
        listing: What the publisher says of them.
        tools: Each with its policy entry and its pin, by name.

    Raises:
        ConfigError: `config.not_published`: nobody else can get one of them.
            `config.too_large`: there are more than a registry keeps.
    """
    chosen = dict(sorted(tools.items()))
    named = [
        {"name": name, "reference": published_reference(name, locked), "digest": locked.digest}
        for name, (_, locked) in chosen.items()
    ]
    ours = {"hatchway": {"tools": named}}
    _require_small(ours)
    package: dict[str, Any] = {
        "registryType": "pypi",
        "identifier": listing.package,
        "version": listing.package_version,
        "runtimeHint": "uvx",
        "transport": {"type": "stdio"},
        "packageArguments": [
            {
                "type": "named",
                "name": "--config",
                "description": _CONFIG,
                "format": "filepath",
                "isRequired": True,
            },
            {"type": "positional", "value": "serve"},
        ],
    }
    if variables := list(_variables({name: entry for name, (entry, _) in chosen.items()})):
        package["environmentVariables"] = variables
    return {
        "$schema": SCHEMA,
        "name": listing.name,
        "description": listing.description or _described(chosen),
        "version": listing.version,
        "packages": [package],
        "_meta": {PUBLISHERS: ours},
    }


def published_reference(name: str, locked: LockedTool) -> str:
    """Where anybody gets exactly what was approved.

    Args:
        name: The policy entry.
        locked: Its pin.

    Raises:
        ConfigError: `config.not_published`.
    """
    found = parse_reference(locked.resolved or locked.source)
    match found:
        case PathReference() | LayoutReference():
            where = f"from {printable(locked.source)!r}, which is on this machine only"
        case OciReference(registry=authority) | WebReference(authority=authority) if is_loopback(
            authority
        ):
            where = f"from {printable(locked.source)!r}, where only this machine can ask"
        case _:
            return str(found)
    message = f"nobody else can get {name!r}: it comes {where}"
    hint = (
        "hatchway push FILE oci://REGISTRY/REPOSITORY:TAG, then "
        f"hatchway update {name} --to oci://REGISTRY/REPOSITORY:TAG"
    )
    raise ConfigError(message, code="config.not_published", hint=hint)


def _require_small(ours: Mapping[str, Any]) -> None:
    text = json.dumps(ours, separators=(",", ":"), ensure_ascii=False)
    size = len(_ESCAPED.sub("\\\\u0000", text).encode())
    if size > MAX_PUBLISHERS_BYTES:
        message = (
            f"the references of these tools take {size} bytes, and a registry keeps "
            f"{MAX_PUBLISHERS_BYTES}"
        )
        hint = "name some of the tools, and publish the others under another name"
        raise ConfigError(message, code="config.too_large", hint=hint)


def _described(tools: Mapping[str, tuple[ToolPolicy, LockedTool]]) -> str:
    names = ", ".join(tools)
    text = f"Tools in WebAssembly sandboxes: {names}"
    return text if len(text) <= MAX_DESCRIPTION else f"{text[: MAX_DESCRIPTION - 1]}…"


# What has to be in the environment


def _variables(entries: Mapping[str, ToolPolicy]) -> Iterator[dict[str, Any]]:
    """Every variable of the host that a grant or a secret takes, once."""
    needs: dict[str, dict[str, list[str]]] = {}
    for name, entry in entries.items():
        for capability in entry.allow:
            if isinstance(capability, EnvironmentVariable) and capability.value is None:
                _need(needs, capability.variable, "read by", name)
        for rule in entry.secrets:
            if rule.kind == "env":
                _need(needs, rule.source, "put into requests, and seen by no tool, for", name)
    for variable, how in sorted(needs.items()):
        is_secret = len(how) > ("read by" in how) or names_a_secret(variable)
        yield {
            "name": variable,
            "description": "; ".join(f"{words} {', '.join(by)}" for words, by in how.items()),
            "isRequired": True,
            "isSecret": is_secret,
        }


def _need(needs: dict[str, dict[str, list[str]]], variable: str, words: str, name: str) -> None:
    by = needs.setdefault(variable, {}).setdefault(words, [])
    if name not in by:
        by.append(name)
