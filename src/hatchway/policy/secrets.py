"""Which secret goes where: what the broker puts into requests, and no guest ever holds.

A rule names a secret and says where its value comes from; the value itself is never in a
policy. It is bound to one exact origin and to one header field.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, cast, get_args

from hatchway.core.capability import HttpAccess
from hatchway.core.egress import BoundSecret
from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import shown
from hatchway.policy.advice import without_userinfo
from hatchway.policy.authority import is_inside
from hatchway.policy.grammar import VARIABLE, absolute_path, parse_origin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.core.capability import Capability
    from hatchway.core.secret import Secret
    from hatchway.policy.reading import Table

SecretSource: TypeAlias = Literal["env", "file", "keyring", "command"]
SecretCommands: TypeAlias = Literal["refuse", "run"]
"""Whether a policy may name commands that yield secrets: only the user's own may."""

_MAX_TEXT = 4096
_MAX_SECRETS = 32
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}", re.ASCII)
_FIELD = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]{1,64}", re.ASCII)
_TEMPLATE = re.compile(r"[!-~](?:[ -~]*[!-~])?", re.ASCII)
_NOT_FOR_SECRETS = frozenset(
    {
        # They speak of one connection (RFC 9110, section 7.6.1), and the broker has its own.
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization"),
        *("proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings"),
        # They say where a message goes and where it ends.
        *("host", "content-length", "expect"),
    }
)
_EXAMPLE = (
    'secrets = [{ name = "API_KEY", from = "env:API_KEY", to = "https://api.example.com", '
    'value = "Bearer {}" }]'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRule:
    """One secret of one tool, as the policy states it.

    Attributes:
        name: What policy, events and errors call it.
        kind: What its value comes from.
        source: Of that kind: a variable's name, an absolute file, `SERVICE/USER` of a keyring
            (the last slash parts them), or a command line whose program is absolute.
        origin: Where it goes; an exact host and the whole origin.
        header: The field it is put into, lower case.
        template: The field's value; `{}` is replaced, and nothing else in it means anything.
        line: Where it stands in the document.
    """

    name: str
    kind: SecretSource
    source: str
    origin: HttpAccess
    header: str = "authorization"
    template: str = "{}"
    line: int | None = field(default=None, compare=False)

    def bound(self, secret: Secret) -> BoundSecret:
        """The rule with its value."""
        return BoundSecret(
            name=self.name,
            scheme=self.origin.scheme,
            host=self.origin.host,
            port=self.origin.port,
            header=self.header,
            template=self.template,
            secret=secret,
        )


def secrets_in(
    tool: Table, allow: Iterable[Capability], *, base: str, commands: SecretCommands
) -> tuple[SecretRule, ...]:
    """The secrets of one tool, from its table in the policy.

    Args:
        tool: Its table.
        allow: What the tool is granted; a secret goes to one of these origins.
        base: The absolute directory that relative files start from.
        commands: Whether the policy may name commands.

    Raises:
        ConfigError: With file and line; `config.command_secret` for a command where none may be
            named.
    """
    tables = tool.tables("secrets")
    if len(tables) > _MAX_SECRETS:
        message = f"a tool may have {_MAX_SECRETS} secrets, got {len(tables)}"
        raise tool.error(message, "secrets")
    origins = [item for item in allow if isinstance(item, HttpAccess)]
    rules: list[SecretRule] = []
    for index, table in enumerate(tables):
        rule = _rule(table, origins, base, commands, tool.line("secrets", index))
        _refuse_contradictions(table, rules, rule)
        rules.append(rule)
    return tuple(rules)


def _rule(
    table: Table,
    origins: list[HttpAccess],
    base: str,
    commands: SecretCommands,
    line: int | None,
) -> SecretRule:
    table.only("name", "from", "to", "header", "value")
    name = _needed(table, "name")
    if not _NAME.fullmatch(name):
        message = f"a secret's name has capital letters, digits and '_', got {shown(name)}"
        raise table.error(message, "name")
    kind, source = _source(table, base, commands)
    return SecretRule(
        name=name,
        kind=kind,
        source=source,
        origin=_origin(table, origins),
        header=_header(table),
        template=_template(table),
        line=line,
    )


def _needed(table: Table, key: str) -> str:
    text = table.text(key, limit=_MAX_TEXT)
    if not text:
        raise table.error(f"a secret needs {key!r}", key, hint=_EXAMPLE)
    return text


def _source(table: Table, base: str, commands: SecretCommands) -> tuple[SecretSource, str]:
    written = _needed(table, "from")
    kind, _, source = written.partition(":")
    if kind not in get_args(SecretSource):
        # Not shown: it may be the secret itself, written where its source belongs.
        kinds = ", ".join(f"{each}:" for each in get_args(SecretSource))
        raise table.error(f"'from' starts with one of {kinds}", "from", hint=_EXAMPLE)
    if not source or not source.isprintable():
        raise table.error(f"'from' says what to take after '{kind}:', on one line", "from")
    if kind == "command" and commands == "refuse":
        raise table.error(
            "only your own policy may name a command that yields a secret",
            "from",
            code="config.command_secret",
            hint="move the tool to the policy in your configuration directory, "
            "or take the secret from env:, file: or keyring:",
        )
    complaint = _complaint(kind, source)
    if complaint:
        raise table.error(complaint, "from")
    found = absolute_path(source, base) if kind == "file" else source
    return cast("SecretSource", kind), found


def _complaint(kind: str, source: str) -> str | None:
    """What is wrong with a source of that kind."""
    match kind:
        case "env" if not VARIABLE.fullmatch(source):
            return f"{shown(source)} is not a variable's name"
        case "keyring" if not all(source.rpartition("/")):
            return f"expected keyring:SERVICE/USER, got {shown(source)}"
        case "command" if not _is_command_line(source):
            return "a command starts with the absolute path of a program; no shell reads it"
        case _:
            return None


def _is_command_line(source: str) -> bool:
    try:
        words = shlex.split(source)
    except ValueError:
        return False
    return bool(words) and words[0].startswith("/")


def _origin(table: Table, origins: list[HttpAccess]) -> HttpAccess:
    written = _needed(table, "to")
    origin = _exact(table, written)
    same = [granted for granted in origins if _is_same(granted, origin)]
    if not same:
        message = (
            f"a secret goes to an origin that 'allow' names, and {_plain(origin)} is not there"
        )
        needed = replace(origin, is_internal=is_inside(origin.host))
        hint = f'add "{needed}" to allow; a wildcard does not count'
        raise table.error(message, "to", hint=hint)
    if origin.scheme == "http" and not all(granted.is_internal for granted in same):
        message = (
            "a secret goes over https, or to an origin that is granted with ;internal: "
            f"{_plain(origin)}"
        )
        open_ = next(granted for granted in same if not granted.is_internal)
        hint = (
            f"use https; or, where the host is in your own network, "
            f'change "{open_}" in allow to "{replace(open_, is_internal=True)}"'
        )
        raise table.error(message, "to", hint=hint)
    return origin


def _plain(origin: HttpAccess) -> str:
    return str(origin).removeprefix("net.http=")


def _is_same(granted: HttpAccess, origin: HttpAccess) -> bool:
    """Whether both are about one origin."""
    ours = (granted.scheme, granted.host, granted.port)
    return ours == (origin.scheme, origin.host, origin.port)


def goes_to(rule: SecretRule, allow: Iterable[Capability]) -> bool:
    """Whether one of `allow` is about the origin that the secret goes to."""
    return any(isinstance(item, HttpAccess) and _is_same(item, rule.origin) for item in allow)


def _exact(table: Table, written: str) -> HttpAccess:
    hint = 'to = "https://api.example.com"'
    if ";" in written:
        raise table.error("'to' is an origin without options", "to", hint=hint)
    try:
        origin = parse_origin(written)
    except ConfigError as error:
        raise table.error(error.message, "to", hint=error.hint or hint) from error
    if origin.host.startswith("*.") or origin.path_prefix != "/":
        got = shown(without_userinfo(written))
        message = f"'to' is one exact origin, without a wildcard or a path; got {got}"
        raise table.error(message, "to", hint=hint)
    return origin


def _header(table: Table) -> str:
    written = table.text("header", limit=64, default="authorization") or ""
    header = written.lower() if written.isascii() else written
    if not _FIELD.fullmatch(header):
        raise table.error(f"{shown(written)} is not the name of a header field", "header")
    if header in _NOT_FOR_SECRETS:
        raise table.error(f"no secret can travel in the field {header!r}", "header")
    return header


def _template(table: Table) -> str:
    template = table.text("value", limit=_MAX_TEXT, default="{}") or ""
    if template.count("{}") != 1:
        # Not shown: it may be the secret itself.
        message = "'value' has one '{}', where the secret is put"
        raise table.error(message, "value", hint='value = "Bearer {}"')
    if not _TEMPLATE.fullmatch(template):
        message = "'value' is visible ASCII, without spaces around it"
        raise table.error(message, "value")
    return template


def _refuse_contradictions(table: Table, rules: list[SecretRule], rule: SecretRule) -> None:
    for other in rules:
        if other.name == rule.name:
            message, key = f"there are two secrets called {rule.name}", "name"
        elif (other.origin, other.header) == (rule.origin, rule.header):
            message = f"{other.name} and {rule.name} would be put into the same field"
            key = "header"
        else:
            continue
        raise table.error(message, key, code="config.contradiction")
