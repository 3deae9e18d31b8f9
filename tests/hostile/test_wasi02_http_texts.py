"""Fields, methods, schemes, authorities and paths that components put into requests."""

from __future__ import annotations

import pytest
from wasi02_calls import HUGE, Failed
from wasi02_files import SPARE, Span
from wasi02_http import METHODS, NONE, HttpScript

from hatchway.engine.http.fields import FORBIDDEN

# Fields

NAMES = {
    "": "invalid-syntax",
    " ": "invalid-syntax",
    "a b": "invalid-syntax",
    "a:": "invalid-syntax",
    "a\n": "invalid-syntax",
    "a\0": "invalid-syntax",
    "ä": "invalid-syntax",
    "\u212a": "invalid-syntax",  # the Kelvin sign, whose lower case is a plain k
    "x" * 1025: "invalid-syntax",
    **dict.fromkeys(sorted(FORBIDDEN), "forbidden"),
    "HOST": "forbidden",
    "Transfer-Encoding": "forbidden",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_none_or_forbidden_is_refused_everywhere(name: str) -> None:
    encoded = name.encode()
    script = HttpScript()
    fields = script.own("fields")
    calls = [
        script.do("fields.append", fields, encoded, b"x"),
        script.do("fields.set", fields, encoded, *script.list_of(b"x")),
        script.do("fields.delete", fields, encoded),
        script.do("fields.from-list", *script.entries((b"ok", b"x"), (encoded, b"x"))),
    ]
    known = [script.do("fields.has", fields, encoded), script.do("fields.get", fields, encoded)]

    told = script.run()

    assert [told[item] for item in calls] == [Failed(NAMES[name])] * 4
    assert [told[item] for item in known] == [0, []]


def test_a_name_larger_than_all_fields_may_be_is_not_even_read() -> None:
    script = HttpScript()
    fields = script.own("fields")
    appended = script.do("fields.append", fields, Span(SPARE, 200_000), b"x")
    has = script.do("fields.has", fields, Span(SPARE, 200_000))

    told = script.run()

    assert (told[appended], told[has]) == (Failed("invalid-syntax"), 0)


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"\n", b"\0", b"\x7f", b"\x1f"])
def test_a_value_that_could_end_a_line_is_refused_everywhere(value: bytes) -> None:
    script = HttpScript()
    fields = script.own("fields")
    calls = [
        script.do("fields.append", fields, b"x", value),
        script.do("fields.set", fields, b"x", *script.list_of(b"ok", value)),
        script.do("fields.from-list", *script.entries((b"x", value))),
    ]
    entries = script.do("fields.entries", fields)

    told = script.run()

    assert [told[item] for item in calls] == [Failed("invalid-syntax")] * 3
    assert told[entries] == []


@pytest.mark.parametrize("value", [b"", b"+5", b"-5", b" 5", b"5 ", b"0x5", b"5,5", b"9" * 20])
def test_a_content_length_is_digits(value: bytes) -> None:
    script = HttpScript()
    appended = script.do("fields.append", script.own("fields"), b"Content-Length", value)

    assert script.run()[appended] == Failed("invalid-syntax")


def test_fields_are_set_added_and_taken_away_whatever_the_case_of_their_names() -> None:
    script = HttpScript()
    made = script.do("fields.from-list", *script.entries((b"A", b"1"), (b"b", b"2"), (b"a", b"3")))
    fields = made.inside(4)
    before = script.do("fields.get", fields, b"a")
    script.do("fields.set", fields, b"A", *script.list_of(b"4", b"5"))
    script.do("fields.append", fields, b"C", b"")
    script.do("fields.delete", fields, b"B")
    script.do("fields.delete", fields, b"never")
    told_of = [
        script.do("fields.has", fields, b"c"),
        script.do("fields.has", fields, b"b"),
        script.do("fields.entries", fields),
    ]
    script.do("fields.set", fields, b"a", 0, 0)
    after = script.do("fields.entries", fields)

    told = script.run()

    assert told[before] == [b"1", b"3"]
    assert [told[item] for item in told_of] == [1, 0, [("a", b"4"), ("a", b"5"), ("c", b"")]]
    assert told[after] == [("c", b"")]


def test_the_fields_of_a_request_cannot_be_changed_any_more() -> None:
    script = HttpScript()
    fields = script.own("fields")
    script.do("fields.append", fields, b"a", b"1")
    request = script.own("outgoing-request", fields)
    kept = script.own("outgoing-request.headers", request)
    calls = [
        script.do("fields.append", kept, b"b", b"2"),
        script.do("fields.set", kept, b"a", *script.list_of(b"2")),
        script.do("fields.delete", kept, b"a"),
    ]
    entries = script.do("fields.entries", kept)

    told = script.run()

    assert [told[item] for item in calls] == [Failed("immutable")] * 3
    assert told[entries] == [("a", b"1")]


# Requests


@pytest.mark.parametrize("name", [*METHODS, "PURGE", "get-all", "x" * 64])
def test_a_method_is_told_as_it_was_set(name: str) -> None:
    script = HttpScript()
    request = script.own("outgoing-request", script.own("fields"))
    before = script.do("outgoing-request.method", request)
    is_set = script.do("outgoing-request.set-method", request, *script.method(name))
    after = script.do("outgoing-request.method", request)

    told = script.run()

    assert (told[before], told[is_set], told[after]) == ("get", True, name)


@pytest.mark.parametrize("name", ["", "GET ", "GET / HTTP/1.1\r\n", "ä", "x" * 65])
def test_what_could_be_no_method_is_refused(name: str) -> None:
    script = HttpScript()
    request = script.own("outgoing-request", script.own("fields"))
    is_set = script.do("outgoing-request.set-method", request, *script.method(name))
    after = script.do("outgoing-request.method", request)

    told = script.run()

    assert (told[is_set], told[after]) == (False, "get")


PARTS = {
    "scheme": (
        [None, "HTTP", "HTTPS", "ws", "a+b"],
        ["", "1a", "a b", "http:", "ht\ntp", "x" * 65],
    ),
    "authority": (
        [None, "api.test", "api.test:1", "[::1]", "[::1]:80", "u@api.test", "%41", "a" * 1024],
        ["", "a b", "a/b", "a?b", "a#b", "a\\b", "a\n", "a\t", "ä", "a:", "a:b", "a:65536",
         "[::1]:x", "u:p@api.test", "a:+1", "a:123456", "a" * 1025],
    ),
    "path-with-query": (
        [None, "", "/", "/a?b=c", "/%00", "*"],
        ["/a b", "/a#b", "/a\n", "/a\r\nHost: x", "/\t", "/\0", "/ä"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_the_parts_of_a_request_are_told_as_they_were_set(part: str) -> None:
    script = HttpScript()
    request = script.own("outgoing-request", script.own("fields"))
    encoded = script.scheme if part == "scheme" else script.optional
    good, bad = PARTS[part]
    calls = []
    for text in (*good, *bad):
        calls.append(script.do(f"outgoing-request.set-{part}", request, *encoded(text)))
        calls.append(script.do(f"outgoing-request.{part}", request))
        script.forget()

    told = script.run()

    assert [told[item] for item in calls[::2]] == [True] * len(good) + [False] * len(bad)


def test_a_path_has_a_largest_size() -> None:
    script = HttpScript()
    request = script.own("outgoing-request", script.own("fields"))
    _, text = script.text(b"/" * 65_537)
    calls = [
        script.do("outgoing-request.set-path-with-query", request, 1, text, count)
        for count in (65_536, 65_537)
    ]

    told = script.run()

    assert [told[item] for item in calls] == [True, False]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_was_refused_leaves_the_one_before(part: str) -> None:
    script = HttpScript()
    request = script.own("outgoing-request", script.own("fields"))
    encoded = script.scheme if part == "scheme" else script.optional
    good, bad = PARTS[part]
    script.do(f"outgoing-request.set-{part}", request, *encoded(good[1]))
    script.do(f"outgoing-request.set-{part}", request, *encoded(bad[1]))
    kept = script.do(f"outgoing-request.{part}", request)
    script.do(f"outgoing-request.set-{part}", request, *encoded(None))
    none = script.do(f"outgoing-request.{part}", request)

    told = script.run()

    plain = told[kept].decode() if isinstance(told[kept], bytes) else told[kept]
    assert (plain, told[none]) == (good[1], None)


@pytest.mark.parametrize("name", ["connect", "first-byte", "between-bytes"])
def test_wishes_about_time_are_told_as_they_were_set(name: str) -> None:
    script = HttpScript()
    options = script.own("request-options")
    calls = [
        script.do(f"request-options.{name}-timeout", options),
        script.do(f"request-options.set-{name}-timeout", options, 1, HUGE),
        script.do(f"request-options.{name}-timeout", options),
        script.do(f"request-options.set-{name}-timeout", options, *NONE),
        script.do(f"request-options.{name}-timeout", options),
    ]

    told = script.run()

    assert [told[item] for item in calls] == [None, True, HUGE, True, None]
