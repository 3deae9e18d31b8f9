"""The ways in which ordinary software spells a text, as functions."""

from __future__ import annotations

import base64
import html
import json
import string
import urllib.parse
from typing import TYPE_CHECKING, TypeAlias

from hypothesis import strategies as st

from hatchway.core.redaction import Redactor
from hatchway.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

Spelling: TypeAlias = "Callable[[str], str]"


def _each(form: str) -> Spelling:
    return lambda text: "".join(form.format(byte) for byte in text.encode())


def _mixed(text: str) -> str:
    """Escapes for whatever needs one and for every second character, in both cases."""
    return "".join(
        f"%{byte:02x}"
        if at % 4 == 0
        else f"%{byte:02X}"
        if at % 2 == 0 or byte == 0x25
        else chr(byte)
        for at, byte in enumerate(text.encode())
    )


def _base64(before: str, after: str, *, urlsafe: bool = False) -> Spelling:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    return lambda text: encode(f"{before}{text}{after}".encode()).decode()


def _lines(text: str) -> str:
    return base64.encodebytes(f"{'.' * 50}{text}{'.' * 50}".encode()).decode()


URL: dict[str, Spelling] = {
    "URL": lambda text: urllib.parse.quote(text, safe=""),
    "URL, lower case": lambda text: urllib.parse.quote(text, safe="").replace("%2F", "%2f"),
    "URL, all": _each("%{:02X}"),
    "URL, all, lower case": _each("%{:02x}"),
    "URL, some": _mixed,
    "form": urllib.parse.quote_plus,
}
JSON: dict[str, Spelling] = {
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON of PHP": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON, all": _each("\\u00{:02x}"),
    "JSON, all, upper case": _each("\\u00{:02X}"),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"a": text})),
    "JavaScript": _each("\\x{:02x}"),
    "JavaScript, braces": _each("\\u{{{:x}}}"),
}
HTML: dict[str, Spelling] = {
    "HTML": html.escape,
    "HTML, decimal": _each("&#{};"),
    "HTML, hex": _each("&#x{:x};"),
    "HTML, hex, upper case": _each("&#X{:X};"),
}
BASE64: dict[str, Spelling] = {
    "base64": _base64("", ""),
    "base64, after one byte": _base64("a", "z"),
    "base64, after two bytes": _base64(":'", "/"),
    "base64, in a header": _base64("Bearer ", ""),
    "base64, in JSON": _base64('{"token": "', '", "more": true}'),
    "base64, for URLs": _base64("??>", "~~", urlsafe=True),
    "base64, without padding": lambda text: _base64("", "")(text).rstrip("="),
    "base64, in lines": _lines,
}
HEX: dict[str, Spelling] = {
    "hex": lambda text: text.encode().hex(),
    "hex, upper case": lambda text: text.encode().hex().upper(),
    "hex, with colons": lambda text: text.encode().hex(":"),
    "hex, with spaces": lambda text: text.encode().hex(" ").upper(),
    "hex, as C has it": lambda text: ", ".join(f"0x{byte:02x}" for byte in text.encode()),
    "hex, as assemblers have it": lambda text: " ".join(f"0X{b:02X}" for b in text.encode()),
}
SPELLINGS: dict[str, Spelling] = {"as it is": lambda text: text} | URL | JSON | HTML | BASE64 | HEX
"""Every spelling that is found, each a function of an ASCII text."""

# What to find in them

VALUE = "sk-live_Ab3/xY9+Zq==tok"
_TOKEN_CHARACTERS = string.ascii_letters + string.digits + "-._~+/=:@!$*,;' \"<>&%"


def redactor(*values: str, **named: str) -> Redactor:
    """What looks for `values`, called KEY, KEY1 and so on, and for those that are named."""
    unnamed = {f"KEY{number or ''}": value for number, value in enumerate(values)}
    return Redactor((name, Secret(value)) for name, value in (unnamed | named).items())


def _is_distinct(value: str) -> bool:
    return len(set(value.lower())) >= 4 and value == value.strip()


values = st.text(_TOKEN_CHARACTERS, min_size=8, max_size=40).filter(_is_distinct)
surroundings = st.text(string.ascii_letters + string.digits + " .,:=/-_\n\"'{}é漢", max_size=30)
spellings = st.sampled_from(sorted(SPELLINGS))
