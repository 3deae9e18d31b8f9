"""YAML from others, as plain values: the part of it that JSON could say as well.

Anchors, aliases and tags are refused, so that no small file means a large one and no text becomes
an object. The values are built here from the parser's events, within bounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

MAX_BYTES = 1 << 18
MAX_DEPTH = 16
MAX_NODES = 10_000


def read_yaml(data: bytes, *, file: str) -> Any:
    """The one document in `data`.

    Raises:
        ConfigError: It is no YAML, uses what is refused, or is too large; or nothing here reads
            YAML.
    """
    try:
        import yaml
    except ImportError as error:
        message = "reading YAML needs a package that is not installed"
        hint = "pip install 'hatchway[wassette]'"
        raise ConfigError(message, code="config.no_yaml", hint=hint) from error
    if len(data) > MAX_BYTES:
        message = f"{file}: more than {MAX_BYTES} bytes"
        raise ConfigError(message, code="config.too_large")
    try:
        text = data.decode()
        return _Building(yaml, file).document(yaml.parse(text, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        first_line = printable(" ".join(str(error).split()), limit=200)
        message = f"{file}: not valid YAML: {first_line}"
        raise ConfigError(message, code="config.syntax") from error


class _Building:
    """Turns events into values, counting them."""

    def __init__(self, yaml: ModuleType, file: str) -> None:
        self._yaml = yaml
        self._file = file
        self._nodes = 0
        self._resolver = yaml.SafeLoader("")

    def document(self, events: Iterator[Any]) -> Any:
        """The value of the first document; there must be no other."""
        yaml = self._yaml
        value: Any = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._refusal(event, "there is more than one document")
            elif isinstance(event, yaml.NodeEvent):
                value = self._value(event, events, 0)
        return value

    def _value(self, event: Any, events: Iterator[Any], depth: int) -> Any:
        yaml = self._yaml
        self._nodes += 1
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise self._refusal(event, "anchors and aliases are not read")
        if event.tag is not None:
            raise self._refusal(event, "tags are not read")
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise self._refusal(event, f"deeper than {MAX_DEPTH}, or more than {MAX_NODES} values")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return list(self._items(events, depth + 1))
        return self._mapping(events, depth + 1)

    def _items(self, events: Iterator[Any], depth: int) -> Iterator[Any]:
        for event in events:
            if isinstance(event, self._yaml.SequenceEndEvent):
                return
            yield self._value(event, events, depth)

    def _mapping(self, events: Iterator[Any], depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for event in events:
            if isinstance(event, self._yaml.MappingEndEvent):
                break
            key = self._value(event, events, depth)
            if not isinstance(key, str):
                raise self._refusal(event, f"a key must be text, got {shown(key)}")
            if key in found:
                raise self._refusal(event, f"the key {shown(key)} stands there twice")
            found[key] = self._value(next(events), events, depth)
        return found

    def _scalar(self, event: Any) -> Any:
        """Text, a number, true, false or nothing; everything else that YAML knows is text."""
        text = event.value
        node = self._yaml.ScalarNode
        tag = self._resolver.resolve(node, text, event.implicit).rpartition(":")[2]
        if tag == "null":
            return None
        if tag == "bool":
            return text.lower() in ("true", "yes", "on")
        try:
            if tag == "int":
                return int(text)
            if tag == "float":
                return float(text)
        except ValueError:
            pass  # a number in a spelling that only YAML has: nobody here needs it
        return text

    def _refusal(self, event: Any, reason: str) -> ConfigError:
        line = event.start_mark.line + 1
        return ConfigError(f"{self._file}:{line}: {reason}", code="config.invalid")
