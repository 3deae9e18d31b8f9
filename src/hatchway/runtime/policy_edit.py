"""A policy file that is being changed, with the lockfile beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import tomlkit
import tomlkit.exceptions

from hatchway.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from hatchway.core.isolation import Isolation
    from hatchway.core.surface import Compiler
    from hatchway.provenance.lockfile import LockedTool, Lockfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """What makes and holds the guests of an entry, as far as somebody said so.

    Attributes:
        compiler: The compiler to pin; None leaves it as it is.
        isolation: Where its guests run; None leaves it as it is, `unsaid` takes the word away.
    """

    compiler: Compiler | None = None
    isolation: Isolation | Literal["unsaid"] | None = None


AS_IT_IS = Hosting()
"""Nothing was said."""


class PolicyEdit:
    """A policy document being changed, comments and order kept."""

    def __init__(self, text: str, lock: Lockfile) -> None:
        try:
            self._document = tomlkit.parse(text)
        except tomlkit.exceptions.ParseError as error:
            message = f"the policy is not valid TOML: {error}"
            raise ConfigError(message, code="config.syntax") from error
        self.lock = lock

    def text(self) -> str:
        """The document as it will be written."""
        return tomlkit.dumps(self._document)

    def set_tool(self, name: str, source: str, allow: list[str]) -> None:
        """Make sure that there is an entry with `source`, allowing exactly `allow`."""
        if name not in self._tools():
            # At the end, in a table of its own: right whatever the rest looks like.
            header = tomlkit.key(["tools", name]).as_string()
            self._document = tomlkit.parse(f"{self.text().rstrip()}\n\n[{header}]\n")
        tools = self._tools()
        tools[name]["source"] = source
        self._set_allow(tools[name], list(dict.fromkeys(allow)))

    def change_tool(
        self,
        name: str,
        source: str,
        allow: list[str],
        *,
        limits: Mapping[str, str | int] | None = None,
        hosting: Hosting = AS_IT_IS,
        without_secrets: Collection[str] = (),
    ) -> None:
        """Make sure that there is an entry with `source`, and everything about it as it is said.

        Args:
            name: The entry.
            source: Where its artifact comes from.
            allow: All that it may use.
            limits: Limits to write, as they are spelled; others stay as they are.
            hosting: The compiler and the isolation to write.
            without_secrets: Secrets to take away, by name.
        """
        self.set_tool(name, source, allow)
        self.drop_secrets(name, without_secrets)
        self.set_limits(name, limits or {})
        self.set_hosting(name, hosting)

    def remove_tool(self, name: str) -> None:
        """Take the entry away."""
        del self._tools()[name]

    def allowed(self, name: str) -> list[str]:
        """The capabilities of an entry, as written."""
        return [str(item) for item in self._tools()[name].get("allow", [])]

    def set_allowed(self, name: str, allow: list[str]) -> None:
        """Replace the capabilities of an entry."""
        self._set_allow(self._tools()[name], allow)

    def drop_secrets(self, name: str, unwanted: Collection[str]) -> None:
        """Take secrets of an entry away, by name."""
        table = self._tools()[name]
        secrets = table.get("secrets", [])
        for index in reversed(range(len(secrets))):
            if str(secrets[index].get("name")) in unwanted:
                del secrets[index]
        if "secrets" in table and not secrets:
            del table["secrets"]

    def set_limits(self, name: str, limits: Mapping[str, str | int]) -> None:
        """Write limits of an entry, as they are spelled; others stay as they are."""
        table = self._tools()[name]
        if limits and "limits" not in table:
            table["limits"] = tomlkit.table()
        for key, value in limits.items():
            table["limits"][key] = value

    def set_hosting(self, name: str, hosting: Hosting) -> None:
        """Write the compiler and the isolation of an entry, as far as they are said."""
        table = self._tools()[name]
        for key, value in (("compiler", hosting.compiler), ("isolation", hosting.isolation)):
            if value == "unsaid":
                table.pop(key, None)
            elif value is not None:
                table[key] = value

    def pin(self, name: str, tool: LockedTool) -> None:
        """Record what was admitted."""
        self.lock = self.lock.with_tool(name, tool)

    def unpin(self, name: str) -> None:
        """Forget what was admitted."""
        self.lock = self.lock.without_tool(name)

    def _tools(self) -> Any:
        if "tools" not in self._document:
            self._document["tools"] = tomlkit.table(is_super_table=True)
        return self._document["tools"]

    def _set_allow(self, table: Any, allow: list[str]) -> None:
        present = table.get("allow")
        if present is None:
            present = table["allow"] = tomlkit.array().multiline(len(allow) > 1)
        # Changed in place, so that the comments in it stay.
        for index in reversed(range(len(present))):
            if str(present[index]) not in allow:
                del present[index]
        kept = [str(item) for item in present]
        present.extend(item for item in allow if item not in kept)


def entry_text(
    name: str, source: str | None, allow: Sequence[str], limits: Mapping[str, str | int]
) -> str:
    """An entry of a policy, as it would be written; without a source its place is shown."""
    entry = tomlkit.table()
    if source is None:
        entry.add(tomlkit.comment('source = "…"'))
    else:
        entry["source"] = source
    listed = tomlkit.array().multiline(len(allow) > 1)
    listed.extend(allow)
    entry["allow"] = listed
    if limits:
        entry["limits"] = tomlkit.table()
        entry["limits"].update(limits)
    tools = tomlkit.table(is_super_table=True)
    tools[name] = entry
    document = tomlkit.document()
    document["tools"] = tools
    return tomlkit.dumps(document).strip()
