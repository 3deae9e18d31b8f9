"""JavaScript: typed functions become a component, together with a JavaScript engine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError
from hatchway.policy.manifest import parse_manifest_toml
from hatchway.sdk import javascript
from hatchway.sdk.building import source_files
from hatchway.sdk.language import Built
from hatchway.sdk.languages.javascript_template import files_of
from hatchway.sdk.languages.unasked import FILES, without_unasked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

MAIN = "tool.js"
WORLD = "world.wit"
_WANTED = {"net.http": "http", "random": "random", "clock": "clocks"}
_NAMED = {
    "stdio": re.compile(rb"\bconsole\b"),
    "random": re.compile(rb"\b(?:Math\.random|crypto)\b"),
    "clocks": re.compile(rb"\b(?:Date|performance|setTimeout|setInterval)\b"),
    "http": re.compile(rb"\bfetch\("),
}


class JavaScript:
    """Tools in JavaScript."""

    name = "javascript"
    summary = "typed functions become a component; needs Node.js"

    def template(self, name: str) -> Mapping[str, str]:
        """A function that counts words, its calls, and how to go on."""
        return files_of(name)

    def recognises(self, project: Path) -> bool:
        """Whether there is a `tool.js` with its `world.wit`."""
        return (project / MAIN).is_file() and (project / WORLD).is_file()

    def missing(self) -> str | None:
        """Node.js or npm, or newer ones."""
        return javascript.missing()

    def build(self, project: Path, tell: Callable[[str], None]) -> Built:
        """Put `tool.js`, what it imports, and an engine into one component.

        Of the engine's imports those stay that the manifest has a use for.

        Raises:
            ConfigError: Something is missing, or the program is not taken.
        """
        source = source_files(project, ".js", ".mjs")
        wit = _wit(project)
        features = features_of(project, wit, source)
        artifact = javascript.componentize_javascript(
            wit=wit, source=source, main=MAIN, features=features, tell=tell
        )
        gone = ", ".join(each for each in javascript.FEATURES if each not in features)
        notes: tuple[str, ...] = (f"stripped: {gone}",)
        if not _has_wasi_of_its_own(wit):
            # Printing brings the functions of files along.
            artifact, more = without_unasked(artifact, _wants(project / "tool.toml"), (FILES,))
            notes += more
        return Built(artifact=artifact, notes=notes)


def features_of(
    project: Path, wit: Mapping[str, bytes], source: Mapping[str, bytes]
) -> frozenset[str]:
    """What stays: what the manifest wants, and what the program names.

    What is missing at run time is a trap without a word, so a program that names `setTimeout`
    keeps the clock. It asks for nothing by that: the policy decides whether it is a real one.
    """
    if _has_wasi_of_its_own(wit):
        return frozenset(javascript.FEATURES) - {"fetch-event"}
    wanted = {_WANTED[each] for each in _wants(project / "tool.toml") & _WANTED.keys()}
    program = b"\n".join(source.values())
    return frozenset(wanted | {feature for feature, name in _NAMED.items() if name.search(program)})


def _has_wasi_of_its_own(wit: Mapping[str, bytes]) -> bool:
    return any(b"wasi:" in content for content in wit.values())


def _wants(file: Path) -> set[str]:
    """Names of the capabilities in a manifest."""
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return set()
    except (OSError, ValueError) as error:
        message = f"cannot read {str(file)!r}"
        raise ConfigError(message, code="config.unreadable") from error
    tools = parse_manifest_toml(text, file=str(file)).tools
    return {want.capability.name for tool in tools for want in (*tool.requires, *tool.optional)}


def _wit(project: Path) -> dict[str, bytes]:
    """`world.wit`, and the packages it uses below `wit/deps`."""
    found = {
        path.removeprefix("wit/"): content
        for path, content in source_files(project, ".wit").items()
        if path == WORLD or path.startswith("wit/deps/")
    }
    if (project / WORLD).is_file():
        return found
    message = f"there is no {WORLD}"
    raise ConfigError(message, code="config.build_failed")


LANGUAGE = JavaScript()
