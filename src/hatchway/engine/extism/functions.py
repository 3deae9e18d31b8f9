"""The functions of an Extism host that reach out of the sandbox, or remember something.

Each is `(guest, plugin, *offsets) -> result`. A block that is handed in belongs to the host
afterwards and is freed; one that is given out belongs to the plug-in.

What goes wrong ends the plug-in, here as in Extism: none of these functions can say that it
failed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

from hatchway.engine.extism.requests import http_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.engine.extism.plugin import Plugin
    from hatchway.engine.guest import Guest

Body: TypeAlias = "Callable[..., int | None]"

_INFO = 2
"""Of the levels trace, debug, info, warn and error. What is below is not logged."""


def config_get(guest: Guest, plugin: Plugin, key: int) -> int:
    """What an `env` grant says about a name; nothing without one."""
    name = plugin.take(key, "the name of a setting").decode("utf-8", "replace")
    found = dict(guest.read_environment()).get(name, "")
    return plugin.give(found.encode())


def var_get(_guest: Guest, plugin: Plugin, key: int) -> int:
    """What this call set a variable to."""
    return plugin.give(plugin.variable(plugin.take(key, "the name of a variable")))


def var_set(_guest: Guest, plugin: Plugin, key: int, value: int) -> None:
    """Set a variable for the rest of this call; without a value remove it."""
    name = plugin.take(key, "the name of a variable")
    plugin.set_variable(name, plugin.take(value, "the value of a variable") if value else None)


def http_status_code(_guest: Guest, plugin: Plugin) -> int:
    """The status of the last response."""
    return plugin.status


def http_headers(_guest: Guest, plugin: Plugin) -> int:
    """The headers of the last response, as a JSON object."""
    return plugin.give(json.dumps(dict(plugin.headers)).encode())


def get_log_level(_guest: Guest, _plugin: Plugin) -> int:
    """The lowest level that is logged."""
    return _INFO


def _log(level: str) -> Body:
    def log(guest: Guest, plugin: Plugin, message: int) -> None:
        line = b"%s: %s\n" % (level.encode(), plugin.take(message, "a message"))
        guest.spend_output(len(line))
        guest.stderr.append(line)

    return log


def _unlogged(_guest: Guest, plugin: Plugin, message: int) -> None:
    plugin.take(message, "a message")


SIGNATURES: dict[str, tuple[str, str]] = {
    "config_get": ("I", "I"),
    "var_get": ("I", "I"),
    "var_set": ("II", ""),
    "http_request": ("II", "I"),
    "http_status_code": ("", "i"),
    "http_headers": ("", "I"),
    "log_trace": ("I", ""),
    "log_debug": ("I", ""),
    "log_info": ("I", ""),
    "log_warn": ("I", ""),
    "log_error": ("I", ""),
    "get_log_level": ("", "i"),
}
"""Parameters and result of every function, as `kernel.SIGNATURES` spells them."""

BODIES: dict[str, Body] = {
    "config_get": config_get,
    "var_get": var_get,
    "var_set": var_set,
    "http_request": http_request,
    "http_status_code": http_status_code,
    "http_headers": http_headers,
    "log_trace": _unlogged,
    "log_debug": _unlogged,
    "log_info": _log("info"),
    "log_warn": _log("warn"),
    "log_error": _log("error"),
    "get_log_level": get_log_level,
}
