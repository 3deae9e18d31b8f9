"""Random values that the tests of more than one package draw."""

from __future__ import annotations

import os
import string
from typing import TYPE_CHECKING, Any, Literal

from hypothesis import settings
from hypothesis import strategies as st

from hatchway.core.capability import (
    DEFAULT_PORTS,
    Capability,
    Clock,
    EnvironmentVariable,
    FileAccess,
    HttpAccess,
    RandomSource,
    SocketAccess,
    ToolUse,
    encode_path,
)
from hatchway.core.wit import (
    EnumType,
    FlagsType,
    ListType,
    OptionType,
    Primitive,
    PrimitiveName,
    RecordType,
    ResultType,
    TupleType,
    VariantType,
    WitType,
)
from hatchway.policy.segments import plain_segments

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


IS_THOROUGH = "HATCHWAY_THOROUGH" in os.environ
"""Whether the tests may take hours, as `make thorough` does."""


def often(times: int, *, gate: int | None = None) -> int:
    """How often to try what it takes `times` to be thorough about: a quarter at the gate."""
    return times if IS_THOROUGH else gate or max(times // 4, 10)


patient = settings(deadline=None)
"""For every property: how long an example takes on a shared machine proves nothing."""

_NAME_CHARACTERS = string.ascii_letters + string.digits + "_-"
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")

# Text


def readable_text(max_size: int = 8) -> SearchStrategy[str]:
    """Text without control characters and surrogates, rich in what grammars use."""
    plain = st.characters(exclude_categories=("Cs", "Cc"))
    return st.text(plain | st.sampled_from("%:;=?#*{}.,~\\\"' é漢😀"), max_size=max_size)


def identifiers(max_size: int = 8) -> SearchStrategy[str]:
    """Names that tools, fields and cases may have."""
    return st.text(string.ascii_lowercase, min_size=1, max_size=max_size)


# Capabilities


def _segments() -> SearchStrategy[str]:
    return (
        readable_text()
        .map(lambda text: text.replace("/", ""))
        .filter(lambda text: text not in ("", ".", ".."))
    )


def paths() -> SearchStrategy[str]:
    """Absolute paths as the grammar keeps them: no dots, no doubled slashes."""
    return st.lists(_segments(), max_size=4).map(lambda parts: "/" + "/".join(parts))


def names() -> SearchStrategy[str]:
    """Host names in their one spelling."""
    drawn = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,6}[a-z0-9_])?", fullmatch=True)
    label = drawn.filter(lambda text: not text.startswith("xn--")) | st.just("xn--bcher-kva")
    # A name that ends in a number is an address, or nothing.
    last = label.filter(lambda text: not text.isdecimal() and not text.startswith("0x"))
    return st.tuples(st.lists(label, max_size=2), last).map(
        lambda parts: ".".join((*parts[0], parts[1]))
    )


def addresses() -> SearchStrategy[str]:
    """Addresses as hosts are spelled."""
    four = st.ip_addresses(v=4).map(str)
    six = st.ip_addresses(v=6).map(str).filter(lambda text: "." not in text)
    plain = six.filter(lambda text: not text.startswith("::ffff:"))
    return four | plain.map(lambda text: f"[{text}]")


def wildcards() -> SearchStrategy[str]:
    """Wildcards that are narrow enough to be granted."""
    return names().filter(lambda name: "." in name).map(lambda name: f"*.{name}")


def hosts() -> SearchStrategy[str]:
    """Everything that may stand for a host."""
    return names() | addresses() | wildcards()


def ports() -> SearchStrategy[int]:
    """Every port there is."""
    return st.sampled_from((80, 443)) | st.integers(1, 65535)


def _prefixes() -> SearchStrategy[str]:
    segment = _segments().filter(lambda text: "?" not in text and "#" not in text)
    prefix = st.lists(segment, max_size=3).map(lambda parts: "/" + "/".join(parts))
    return prefix.filter(lambda path: plain_segments(encode_path(path)) is not None)


def byte_counts() -> SearchStrategy[int]:
    """Sizes that can be written down: up to twelve digits and a unit."""
    unit = st.sampled_from((1, 1 << 10, 1 << 20, 1 << 30))
    return st.builds(lambda number, size: number * size, st.integers(0, 10**12 - 1), unit)


def variables() -> SearchStrategy[str]:
    """Names of environment variables."""
    return st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)


def _tool_uses() -> SearchStrategy[Capability]:
    tool = st.text(_NAME_CHARACTERS, min_size=1, max_size=64)
    function = st.none() | st.text(_NAME_CHARACTERS + ".", min_size=1, max_size=16)
    return st.builds(ToolUse, tool=tool, function=function)


def http_accesses(methods: SearchStrategy[Any], option: SearchStrategy[bool]) -> Any:
    """Origins; a wildcard is never said to be inside."""
    drawn = st.builds(
        HttpAccess,
        scheme=st.sampled_from(sorted(DEFAULT_PORTS)),
        host=hosts(),
        port=ports(),
        path_prefix=_prefixes(),
        methods=methods,
        is_internal=option,
        is_private=option,
    )
    return drawn.filter(lambda access: not (access.is_internal and access.host.startswith("*.")))


def _method_sets() -> SearchStrategy[tuple[str, ...] | None]:
    chosen = st.sets(st.sampled_from(_METHODS), min_size=1)
    return st.none() | chosen.map(lambda methods: tuple(sorted(methods)))


def _plain_capabilities() -> SearchStrategy[Capability]:
    kind: SearchStrategy[Literal["socket", "dns"]] = st.sampled_from(("socket", "dns"))
    sockets = st.builds(SocketAccess, kind=kind, host=hosts(), port=ports())
    return st.one_of(st.just(Clock()), st.just(RandomSource()), sockets, _tool_uses())


def allowed_capabilities() -> SearchStrategy[Capability]:
    """What an operator may write, of every kind and with every option."""
    reads = st.builds(FileAccess, access=st.just("read"), guest_path=paths(), host_path=paths())
    writes = st.builds(
        FileAccess,
        access=st.just("write"),
        guest_path=paths(),
        host_path=paths(),
        is_shared=st.booleans(),
        quota_bytes=st.none() | byte_counts(),
    )
    values = st.none() | readable_text(12)
    variable = st.builds(EnvironmentVariable, variable=variables(), value=values)
    http = http_accesses(_method_sets(), st.booleans())
    return st.one_of(reads, writes, http, variable, _plain_capabilities())


def wanted_capabilities() -> SearchStrategy[Capability]:
    """What an author may ask for: no host directories, no values, no options."""
    files = st.builds(FileAccess, access=st.sampled_from(("read", "write")), guest_path=paths())
    variable = st.builds(EnvironmentVariable, variable=variables())
    http = http_accesses(st.none(), st.just(False))
    return st.one_of(files, http, variable, _plain_capabilities())


def related_by_kind() -> tuple[SearchStrategy[Capability], ...]:
    """For every kind, capabilities from so small a world that many cover each other."""
    directory = st.sampled_from(("/", "/a", "/a/b", "/a/b/c", "/ab", "/b"))
    files = st.builds(
        FileAccess,
        access=st.sampled_from(("read", "write")),
        guest_path=directory,
        host_path=st.none() | directory,
        is_shared=st.booleans(),
        quota_bytes=st.none() | st.just(1024),
    )
    host = st.sampled_from(("e.org", "*.e.org", "a.e.org", "b.e.org", "a.b.e.org", "*.b.e.org"))
    http = st.builds(
        HttpAccess,
        scheme=st.sampled_from(sorted(DEFAULT_PORTS)),
        host=host,
        port=st.sampled_from((80, 443)),
        path_prefix=directory,
        methods=st.sampled_from((None, ("GET",), ("GET", "POST"), ("POST",))),
        is_internal=st.booleans(),
        is_private=st.booleans(),
    )
    kind: SearchStrategy[Literal["socket", "dns"]] = st.sampled_from(("socket", "dns"))
    sockets = st.builds(SocketAccess, kind=kind, host=host, port=st.sampled_from((53, 80)))
    variable = st.builds(
        EnvironmentVariable,
        variable=st.sampled_from(("LANG", "TZ")),
        value=st.sampled_from((None, "", "C")),
    )
    tools = st.builds(
        ToolUse,
        tool=st.sampled_from(("grep", "sed")),
        function=st.sampled_from((None, "run", "run.all")),
    )
    return (files, http, sockets, variable, tools, st.just(Clock()), st.just(RandomSource()))


def related_capabilities() -> SearchStrategy[Capability]:
    """Capabilities of all kinds from that small world."""
    return st.one_of(related_by_kind())


# JSON


def json_scalars() -> SearchStrategy[Any]:
    """Everything of JSON that holds nothing else."""
    numbers = st.integers(-(1 << 53), 1 << 53) | st.floats(allow_nan=False, allow_infinity=False)
    return st.none() | st.booleans() | numbers | st.text(max_size=8)


def json_values(leaves: int = 10) -> SearchStrategy[Any]:
    """Any JSON value."""
    return st.recursive(
        json_scalars(),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
        ),
        max_leaves=leaves,
    )


# WIT types and the JSON forms of their values


PRIMITIVES: tuple[PrimitiveName, ...] = (
    "bool", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char", "string",
)  # fmt: skip


def _named(inner: SearchStrategy[Any]) -> SearchStrategy[tuple[tuple[str, Any], ...]]:
    return st.dictionaries(identifiers(4), inner, min_size=1, max_size=3).map(
        lambda named: tuple(named.items())
    )


def wit_types(leaves: int = 6) -> SearchStrategy[WitType]:
    """Any WIT type that has a JSON form."""
    names = st.lists(identifiers(4), min_size=1, max_size=4, unique=True).map(tuple)
    flat = st.one_of(
        st.sampled_from(PRIMITIVES).map(Primitive),
        names.map(EnumType),
        names.map(FlagsType),
        st.just(ListType(Primitive("u8"))),
    )

    def around(inner: SearchStrategy[WitType]) -> SearchStrategy[WitType]:
        maybe = st.none() | inner
        return st.one_of(
            inner.map(ListType),
            st.lists(inner, min_size=1, max_size=3).map(lambda items: TupleType(tuple(items))),
            _named(inner).map(RecordType),
            _named(maybe).map(VariantType),
            inner.map(OptionType),
            st.builds(ResultType, ok=maybe, err=maybe),
        )

    return st.recursive(flat, around, max_leaves=leaves)


# JSON Schemas of the closed vocabulary


_PROPERTIES = ("a", "b", "c")


def schema_instances() -> SearchStrategy[Any]:
    """JSON values that schemas over a few names and small numbers often fit."""
    small = st.integers(-2, 4) | st.sampled_from((0.5, 1.0, -0.0, 2.5))
    leaf = st.none() | st.booleans() | small | st.text("ab", max_size=3)
    return st.recursive(
        leaf,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(_PROPERTIES), inner, max_size=3)
        ),
        max_leaves=6,
    )


_KEYWORDS: dict[str, SearchStrategy[Any]] = {
    "minLength": st.integers(0, 2),
    "maxLength": st.integers(0, 3),
    "minItems": st.integers(0, 2),
    "maxItems": st.integers(0, 3),
    "minProperties": st.integers(0, 2),
    "maxProperties": st.integers(0, 3),
    "minimum": st.integers(-2, 2) | st.just(0.5),
    "maximum": st.integers(0, 4),
    "exclusiveMinimum": st.integers(-2, 2),
    "exclusiveMaximum": st.integers(0, 4) | st.just(2.5),
    "const": schema_instances(),
    "enum": st.lists(schema_instances(), min_size=1, max_size=3),
    "required": st.lists(st.sampled_from(_PROPERTIES), max_size=2, unique=True),
    "title": st.text("xyz ", max_size=5),
    "description": st.text("xyz ", max_size=5),
    "default": schema_instances(),
    "format": st.sampled_from(("date", "uri")),
}
_TYPE_NAMES = ("object", "array", "string", "integer", "number", "boolean", "null")


_TYPES = (*_TYPE_NAMES, *_TYPE_NAMES, ["string", "null"], ["object", "array"], ["integer"])
_HOLDERS = ("properties", "additionalProperties", "items", "prefixItems", "anyOf", "oneOf")


@st.composite
def schemas(draw: st.DrawFn, references: tuple[str, ...] = (), depth: int = 2) -> dict[str, Any]:
    """Subschemas of the closed vocabulary, some of them references to `references`."""
    if references and draw(st.integers(0, 2)) == 0:
        return {"$ref": f"#/$defs/{draw(st.sampled_from(references))}"}
    schema: dict[str, Any] = {}
    if draw(st.booleans()):
        schema["type"] = draw(st.sampled_from(_TYPES))
    for keyword in draw(st.lists(st.sampled_from(sorted(_KEYWORDS)), max_size=2)):
        schema[keyword] = draw(_KEYWORDS[keyword])
    for holder in draw(st.lists(st.sampled_from(_HOLDERS), max_size=2)) if depth else ():
        part = schemas(references, depth - 1)
        if holder == "properties":
            schema[holder] = draw(st.dictionaries(st.sampled_from(_PROPERTIES), part, max_size=2))
        elif holder in ("items", "additionalProperties"):
            schema[holder] = draw(st.booleans() | part)
        else:
            schema[holder] = draw(st.lists(part, min_size=1, max_size=2))
    return schema
