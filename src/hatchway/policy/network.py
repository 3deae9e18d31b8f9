"""What `hatchway.toml` says about the network besides origins and secrets.

`[tools.NAME.egress]` bounds one tool's requests. `[egress]` says how the broker itself gets to
the world, and `[flow]` what a call that has read something private may still reach; both hold
for every tool.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hatchway.core.capability import DEFAULT_PORTS, SocketAccess
from hatchway.core.egress import EgressLimits, FlowRule, Route
from hatchway.core.errors import ConfigError
from hatchway.core.limits import GIBIBYTE, KIBIBYTE
from hatchway.core.untrusted import shown
from hatchway.policy.advice import without_userinfo
from hatchway.policy.authority import read_authority
from hatchway.policy.grammar import absolute_path, parse_origin
from hatchway.policy.ranges import Range, limits_in
from hatchway.policy.units import parse_bytes, parse_count, parse_seconds

if TYPE_CHECKING:
    from hatchway.core.capability import HttpAccess
    from hatchway.policy.reading import Table

EGRESS_KEYS: dict[str, Range] = {
    "request": Range("request_bytes", parse_bytes, 0, 4 * GIBIBYTE, "0B to 4GiB"),
    "response": Range("response_bytes", parse_bytes, 0, 64 * GIBIBYTE, "0B to 64GiB"),
    # As JSON they must fit into one frame between the halves of egress.
    "headers": Range("header_bytes", parse_bytes, KIBIBYTE, 256 * KIBIBYTE, "1KiB to 256KiB"),
    "connect": Range("connect_seconds", parse_seconds, 0.001, 60.0, "1ms to 60s"),
    "first_byte": Range("first_byte_seconds", parse_seconds, 0.001, 3600.0, "1ms to 60m"),
    "total": Range("total_seconds", parse_seconds, 0.001, 3600.0, "1ms to 60m"),
    "concurrent": Range("concurrent", parse_count, 1, 1000, "1 to 1000"),
    "per_minute": Range("per_minute", parse_count, 1, 1_000_000, "1 to 1000000"),
}
"""Every key of `[tools.NAME.egress]`."""

_PROXY = re.compile(r"(https?)://([^/?#]*)/?", re.ASCII)
_TCP = "tcp://"
_MAX_TEXT = 4096
_MAX_ORIGINS = 256


def egress_limits_in(tool: Table) -> EgressLimits:
    """What the requests of one tool may consume, from its table in the policy.

    Raises:
        ConfigError: With file and line.
    """
    return limits_in(tool.table("egress"), EGRESS_KEYS, EgressLimits())


def route_in(root: Table, *, base: str) -> Route:
    """How the broker gets to the world.

    Args:
        root: The document.
        base: The absolute directory that relative paths start from.

    Raises:
        ConfigError: With file and line.
    """
    table = root.table("egress")
    table.only("proxy", "authorities")
    authorities = table.text("authorities", limit=_MAX_TEXT)
    if authorities is not None and (not authorities or not authorities.isprintable()):
        hint = 'authorities = "./our-ca.pem"'
        raise table.error("'authorities' is the name of a file", "authorities", hint=hint)
    return Route(
        proxy=table.parsed("proxy", _proxy, None),
        authorities=None if authorities is None else absolute_path(authorities, base),
    )


def _proxy(value: object) -> str:
    match = _PROXY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        message = (
            f"expected http://HOST:PORT or https://HOST:PORT without a path, got {shown(value)}"
        )
        raise ValueError(message)
    if "@" in match[2]:
        # Not shown: it holds a password.
        message = (
            "a name and a password for a proxy are not supported; "
            "let the proxy know this machine by its address, or run one here that adds them"
        )
        raise ValueError(message)
    host, port = read_authority(match[2])
    return f"{match[1]}://{host}:{port or DEFAULT_PORTS[match[1]]}"


def flow_in(root: Table) -> FlowRule | None:
    """What a call may still reach after a private read; None where nothing is said about it.

    Raises:
        ConfigError: With file and line.
    """
    if "flow" not in root:
        return None
    table = root.table("flow")
    table.only("after_private")
    if "after_private" not in table:
        message = "[flow] needs 'after_private': the origins that remain"
        raise table.error(message, "after_private", hint="after_private = []")
    texts = table.texts("after_private")
    if len(texts) > _MAX_ORIGINS:
        message = f"'after_private' may name {_MAX_ORIGINS} origins, got {len(texts)}"
        raise table.error(message, "after_private")
    return FlowRule(
        may_reach=tuple(_remaining(table, index, text) for index, text in enumerate(texts))
    )


def _remaining(table: Table, index: int, text: str) -> HttpAccess | SocketAccess:
    return _origin(table, index, text) if not text.startswith(_TCP) else _place(table, index, text)


def _place(table: Table, index: int, text: str) -> SocketAccess:
    try:
        host, port = read_authority(text.removeprefix(_TCP))
    except ValueError as error:
        raise table.error(str(error), "after_private", index) from error
    if port is None:
        message = f"expected tcp://HOST:PORT, got {shown(text)}"
        raise table.error(message, "after_private", index)
    return SocketAccess(kind="socket", host=host, port=port)


def _origin(table: Table, index: int, text: str) -> HttpAccess:
    if ";" in text:
        message = f"an origin that remains has no options, got {shown(without_userinfo(text))}"
        raise table.error(message, "after_private", index)
    try:
        return parse_origin(text)
    except ConfigError as error:
        raise table.error(
            error.message, "after_private", index, code=error.code, hint=error.hint
        ) from error
