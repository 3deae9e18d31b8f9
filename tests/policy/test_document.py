"""`hatchway.toml`: what it may say, and the place of everything that is wrong with it."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import json_values, patient, readable_text

from hatchway.core.capability import (
    Capability,
    Clock,
    EnvironmentVariable,
    HttpAccess,
    RandomSource,
    SocketAccess,
    ToolUse,
)
from hatchway.core.errors import ConfigError
from hatchway.core.limits import Limits
from hatchway.policy import document
from hatchway.policy.document import (
    LIMIT_KEYS,
    Policy,
    ToolPolicy,
    parse_policy,
    unsupported_reason,
)
from hatchway.policy.grammar import parse_capability
from hatchway.policy.reading import Table

WHOLE = """\
# Who may do what.
version = 1

[tools.render]
source = "./tools/resvg.wasm"
allow = [
  "clock",   # stamps
  "env=LANG",
  "env=MODE=fast",
]

[tools.render.limits]
fuel = 5_000
deadline = "250ms"
memory = "1MiB"
output = "2KiB"
scratch = "0B"
table_elements = 7
instances = 2
host_calls = 0

[tools.grep]
source = "grep.wasm"
"""


def parsed(text: str) -> Policy:
    return parse_policy(text, file="hatchway.toml", base="/srv")


def complaint(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        parsed(text)
    return raised.value


def render(body: str = "") -> str:
    """A document with one tool, whose table begins on line 2."""
    return f'version = 1\n[tools.render]\nsource = "r.wasm"\n{body}'


def limited(line: str) -> str:
    return render(f"[tools.render.limits]\n{line}\n")


def test_a_whole_document_becomes_a_policy() -> None:
    assert parsed(WHOLE) == Policy(
        tenant="local",
        file="hatchway.toml",
        tools={
            "render": ToolPolicy(
                name="render",
                source="./tools/resvg.wasm",
                allow=(
                    Clock(),
                    EnvironmentVariable(variable="LANG"),
                    EnvironmentVariable(variable="MODE", value="fast"),
                ),
                allow_lines=(7, 8, 9),
                limits=Limits(
                    fuel=5000,
                    deadline_seconds=0.25,
                    memory_bytes=1 << 20,
                    output_bytes=2048,
                    scratch_bytes=0,
                    table_elements=7,
                    instances=2,
                    host_calls=0,
                ),
            ),
            "grep": ToolPolicy(name="grep", source="grep.wasm"),
        },
    )


def test_a_document_without_tools_allows_nothing() -> None:
    assert parsed("version = 1").tools == {}


def test_an_entry_that_allows_nothing_allows_nothing() -> None:
    entry = parsed(render()).tools["render"]

    assert (entry.allow, entry.limits) == ((), Limits())


def test_a_policy_read_from_a_file_inherits_nothing_from_the_host() -> None:
    assert parsed(WHOLE).host_environment == {}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "hatchway.toml: "),
        ("version = 2", "hatchway.toml:1: "),
        ("\nversion = 0", "hatchway.toml:2: "),
        ("version = -1", "hatchway.toml:1: "),
        ("[tools.render]\nsource = 'x'", "hatchway.toml: "),
    ],
)
def test_a_document_of_another_version_is_refused(text: str, place: str) -> None:
    error = complaint(text)

    assert error.code == "config.version"
    assert error.message.startswith(f"{place}expected 'version = 1', got ")


@pytest.mark.parametrize("version", ["true", "1.0", '"1"', "[1]"])
def test_a_version_is_a_whole_number(version: str) -> None:
    assert complaint(f"version = {version}").message.startswith("hatchway.toml:1: 'version': ")


@pytest.mark.parametrize("version", ["0x" + "f" * 30, "0x" + "f" * 5000])
def test_a_version_of_any_length_is_refused_with_few_words(version: str) -> None:
    error = complaint(f"version = {version}")

    assert error.code == "config.version"
    assert len(error.message) < 200


# Unknown keys


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("version = 1\n\ntool = 1", "hatchway.toml:3: unknown key 'tool'", "'tools'"),
        (render("alow = []"), "hatchway.toml:4: unknown key 'alow' in [tools.render]", "'allow'"),
        (
            limited("# slow\nful = 1"),
            "hatchway.toml:6: unknown key 'ful' in [tools.render.limits]",
            "'fuel'",
        ),
        (
            render('secrets = [\n{ name = "A", form = "env:A", to = "x" }]'),
            "hatchway.toml:5: unknown key 'form' in [tools.render.secrets.0]",
            "'from'",
        ),
    ],
)
def test_an_unknown_key_is_named_with_its_line_and_the_nearest_key(
    text: str, place: str, hint: str
) -> None:
    error = complaint(text)

    assert (error.code, error.message) == ("config.unknown_key", place)
    assert error.hint == f"did you mean {hint}?"


# Tools


@pytest.mark.parametrize("name", ["a.b", "a b", "a/b", "ä", "", "a" * 65, "a\\nb"])
def test_a_tool_has_a_plain_name(name: str) -> None:
    error = complaint(f'version = 1\n[tools."{name}"]\nsource = "x"')

    assert error.message.startswith("hatchway.toml:2: ")
    assert "is not a tool's name" in error.message
    assert error.message.isprintable()


@pytest.mark.parametrize("body", ["", "allow = []", 'source = ""'])
def test_a_tool_needs_a_source(body: str) -> None:
    error = complaint(f"version = 1\n\n[tools.render]\n{body}")

    assert "[tools.render] needs a source" in error.message
    assert error.message.startswith(("hatchway.toml:3: ", "hatchway.toml:4: "))
    assert error.hint == 'source = "./tool.wasm"'


def test_a_source_has_a_longest_length() -> None:
    assert (
        "'source' may have 4096 characters"
        in complaint(f'version = 1\n[tools.x]\nsource = "{"a" * 4097}"').message
    )


@pytest.mark.parametrize("tools", ["tools = 1", "tools = []", "[[tools]]", "tools.render = 1"])
def test_tools_are_tables(tools: str) -> None:
    assert "must be a table" in complaint(f"version = 1\n{tools}").message


# The compiler


def test_a_tool_pins_its_compiler_or_has_the_one_of_the_document() -> None:
    tools = '[tools.a]\nsource = "a"\n[tools.b]\nsource = "b"\ncompiler = "cranelift"\n'

    free = parsed(f"version = 1\n{tools}")
    pinned = parsed(f'version = 1\ncompiler = "winch"\n{tools}')

    assert [free.compiler_of(name) for name in ("a", "b", "new")] == [None, "cranelift", None]
    assert [pinned.compiler_of(name) for name in ("a", "b", "new")] == [
        "winch",
        "cranelift",
        "winch",
    ]


@pytest.mark.parametrize("value", ['"gcc"', '"Winch"', "1", '["winch"]', '""'])
def test_a_compiler_that_nobody_knows_is_refused_with_its_line(value: str) -> None:
    top = complaint(f"version = 1\ncompiler = {value}")
    entry = complaint(render(f"compiler = {value}"))

    assert "hatchway.toml:2: 'compiler'" in top.message
    assert "hatchway.toml:4: 'compiler'" in entry.message


# Capabilities


def test_a_bad_capability_is_reported_with_its_line_code_and_hint() -> None:
    error = complaint(render('allow = [\n  "clock",\n  "fs.raed=/x",\n]'))

    assert error.message == "hatchway.toml:6: unknown capability 'fs.raed' in 'fs.raed=/x'"
    assert (error.code, error.hint) == ("config.bad_capability", "did you mean 'fs.read'?")


def test_a_capability_that_is_no_text_is_reported_with_its_line() -> None:
    assert complaint(render('allow = ["clock",\n5]')).message == (
        "hatchway.toml:5: expected a string, got 5"
    )


def test_a_path_that_is_not_unicode_is_reported_with_its_line() -> None:
    error = complaint(render('allow = ["fs.read=/%ff"]'))

    assert error.message.startswith("hatchway.toml:4: ")
    assert error.code == "config.bad_capability"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("net.socket=*.e.org:80", "granted for one exact host"),
        ("net.dns=*.e.org:53", "granted for one exact host"),
    ],
)
def test_what_this_version_cannot_grant_is_refused_and_not_ignored(text: str, why: str) -> None:
    error = complaint(render(f'allow = ["clock", "{text}"]'))

    assert error.code == "config.unsupported"
    assert error.message.startswith("hatchway.toml:4: ")
    assert why in error.message
    assert unsupported_reason(parse_capability(text, side="allowed")) is not None


def test_a_socket_of_a_tool_that_runs_in_a_thread_is_refused_with_the_two_ways_out() -> None:
    text = 'isolation = "thread"\nallow = ["clock", "net.socket=e.org:80;internal"]'

    error = complaint(render(text))

    assert (error.code, "needs a worker" in error.message) == ("config.unsupported", True)
    assert error.hint == (
        "isolation = \"worker\", or: hatchway revoke render 'net.socket=e.org:80;internal'"
    )
    assert parsed(render(text.replace("thread", "worker"))).tools["render"].allow


@pytest.mark.parametrize(
    "capability",
    [
        Clock(),
        RandomSource(),
        ToolUse(tool="grep"),
        EnvironmentVariable(variable="LANG"),
        HttpAccess(scheme="https", host="e.org", port=443),
        SocketAccess(kind="socket", host="e.org", port=80),
    ],
    ids=str,
)
def test_what_this_version_can_grant_has_no_reason_against_it(capability: Capability) -> None:
    assert unsupported_reason(capability) is None


@pytest.mark.parametrize(
    ("first", "second", "verb"),
    [
        ("clock", "clock", "repeats"),
        ("random", "random", "repeats"),
        ("env=LANG", "env=LANG", "repeats"),
        ("env=LANG", "env=LANG=C", "contradicts"),
        ("env=LANG=de", "env=LANG=C", "contradicts"),
    ],
)
def test_two_entries_about_the_same_thing_are_refused_with_both_lines(
    first: str, second: str, verb: str
) -> None:
    error = complaint(render(f'allow = [\n"{first}",\n"env=X=1",\n"{second}"]'))

    assert error.code == "config.contradiction"
    assert error.message == f"hatchway.toml:7: '{second}' {verb} '{first}' on line 5"


@pytest.mark.parametrize(
    ("first", "second", "verb"),
    [
        ("fs.read=/x:/a", "fs.write=/x:/a", "contradicts"),
        ("fs.read=/x:/a", "fs.read=/y:/a", "contradicts"),
        ("fs.read=/a", "fs.read=/a", "repeats"),
        ("net.http=https://e.org", "net.http=https://e.org;internal", "contradicts"),
        ("net.http=https://e.org", "net.http=https://e.org;methods=PUT", "contradicts"),
        ("net.http=https://e.org;methods=GET", "net.http=https://e.org", "contradicts"),
        ("net.http=https://e.org;methods=GET,PUT", "net.http=https://e.org;methods=PUT", "contr"),
        ("net.socket=e.org:80", "net.socket=e.org:80", "repeats"),
        ("tool=grep", "tool=grep", "repeats"),
    ],
)
def test_contradictions_are_refused_for_what_a_later_version_can_grant_too(
    monkeypatch: pytest.MonkeyPatch, first: str, second: str, verb: str
) -> None:
    monkeypatch.setattr(document, "unsupported_reason", lambda _: None)

    error = complaint(render(f'allow = ["{first}", "{second}"]'))

    assert error.code == "config.contradiction"
    assert f" {verb}" in error.message


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("fs.read=/x:/a", "fs.write=/x:/b"),
        ("net.http=https://e.org", "net.http=http://e.org"),
        ("net.http=https://e.org/a", "net.http=https://e.org/b"),
        ("net.http=https://e.org;methods=GET", "net.http=https://e.org;methods=PUT"),
        ("net.socket=e.org:80", "net.dns=e.org:80"),
        ("tool=grep", "tool=grep.run"),
        ("env=A", "env=B"),
    ],
)
def test_entries_about_different_things_do_not_contradict_each_other(
    monkeypatch: pytest.MonkeyPatch, first: str, second: str
) -> None:
    monkeypatch.setattr(document, "unsupported_reason", lambda _: None)

    entry = parsed(render(f'allow = ["{first}", "{second}"]')).tools["render"]

    assert len(entry.allow) == 2


def test_relative_directories_start_at_the_documents_own() -> None:
    entry = parsed(render('allow = ["fs.read=docs:/d"]')).tools["render"]

    assert [str(capability) for capability in entry.allow] == ["fs.read=/srv/docs:/d"]


def test_a_contradiction_without_known_lines_is_still_refused() -> None:
    table = Table({"allow": ["clock", "clock"]}, file="values")

    with pytest.raises(ConfigError, match=r"^values: 'clock' repeats 'clock'$"):
        document._refuse_contradictions(table, "t", (Clock(), Clock()))


# Limits

IN_RANGE = {
    "fuel": ("1", str((1 << 63) - 1)),
    "deadline": ('"1ms"', '"60m"'),
    "memory": ('"64KiB"', '"4GiB"'),
    "output": ('"1B"', '"64MiB"'),
    "scratch": ('"0B"', '"0GiB"'),
    "table_elements": ("0", "10_000_000"),
    "instances": ("1", "1000"),
    "host_calls": ("0", str(1 << 53)),
    "inner_calls": ("0", "100_000"),
    "inner_fuel": ("0", str((1 << 63) - 1)),
}
OUT_OF_RANGE = {
    "fuel": ("0", str(1 << 63)),
    "deadline": ('"0.999ms"', '"60.000001m"'),
    "memory": ('"65535B"', '"4194305KiB"'),
    "output": ('"0B"', '"65537KiB"'),
    "scratch": ('"5GiB"', '"999999999999GiB"'),
    "table_elements": ("-1", "10000001"),
    "instances": ("0", "1001"),
    "host_calls": ("-1", str((1 << 53) + 1)),
    "inner_calls": ("-1", "100001"),
    "inner_fuel": ("-1", str(1 << 63)),
}
WRONG_UNIT = {
    "fuel": '"1B"',
    "deadline": '"5MiB"',
    "memory": '"64MB"',
    "output": "1048576",
    "scratch": '"1s"',
    "table_elements": '"1000"',
    "instances": "1.0",
    "host_calls": "true",
    "inner_calls": '"many"',
    "inner_fuel": '"1GiB"',
}


def test_every_limit_is_tried_below_inside_and_above_its_range() -> None:
    assert LIMIT_KEYS.keys() == IN_RANGE.keys() == OUT_OF_RANGE.keys() == WRONG_UNIT.keys()


@pytest.mark.parametrize("key", LIMIT_KEYS)
@pytest.mark.parametrize("end", [0, 1])
def test_a_limit_may_lie_at_either_end_of_its_range(key: str, end: int) -> None:
    parsed(limited(f"{key} = {IN_RANGE[key][end]}"))


@pytest.mark.parametrize("key", LIMIT_KEYS)
@pytest.mark.parametrize("end", [0, 1])
def test_a_limit_outside_its_range_is_refused_with_its_line(key: str, end: int) -> None:
    error = complaint(limited(f"{key} = {OUT_OF_RANGE[key][end]}"))

    assert error.message.startswith(f"hatchway.toml:5: {key!r} lies between ")
    assert f"{LIMIT_KEYS[key].spelled}, got " in error.message


@pytest.mark.parametrize("key", LIMIT_KEYS)
def test_a_limit_in_the_wrong_unit_is_refused_with_its_line(key: str) -> None:
    error = complaint(limited(f"{key} = {WRONG_UNIT[key]}"))

    assert error.message.startswith(f"hatchway.toml:5: {key!r}: expected a ")


@pytest.mark.parametrize(
    "key", ["fuel", "table_elements", "instances", "host_calls", "inner_calls", "inner_fuel"]
)
def test_a_limit_of_any_length_is_refused_with_few_words(key: str) -> None:
    error = complaint(limited(f"{key} = 0x{'f' * 5000}"))

    assert "lies between" in error.message
    assert len(error.message) < 300


def test_scratch_space_is_given_in_bytes() -> None:
    entry = parsed(limited('scratch = "16MiB"')).tools["render"]

    assert entry.limits.scratch_bytes == 16 << 20


@pytest.mark.parametrize("limits", ["limits = 5", "limits = []", 'limits = "none"'])
def test_limits_are_a_table(limits: str) -> None:
    assert "'limits' must be a table" in complaint(render(limits)).message


@pytest.mark.parametrize("value", ["inf", "nan", "1e3", '"unlimited"', '"none"', "false", "[]"])
@pytest.mark.parametrize("key", LIMIT_KEYS)
def test_no_limit_can_be_switched_off(key: str, value: str) -> None:
    complaint(limited(f"{key} = {value}"))


@patient
@given(st.integers(-(1 << 70), 1 << 70))
@example(0)
def test_fuel_is_kept_exactly_or_refused(fuel: int) -> None:
    try:
        limits = parsed(limited(f"fuel = {fuel}")).tools["render"].limits
    except ConfigError:
        assert not 1 <= fuel < 1 << 63
        return

    assert limits.fuel == fuel


# Anything at all


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a=[", "]}")])
def test_a_document_of_any_depth_is_refused_with_a_config_error(opening: str, closing: str) -> None:
    for depth in range(300, 510):
        complaint(render(f"allow = {opening * depth}{closing * depth}"))


_LINES = (
    "version = 1", "[tools.a]", "[tools.b.limits]", "[[tools]]", "source = 'x'", "source = 1",
    "allow = ['clock']", "allow = ['clock', 'random']", "allow = ['fs.read=%ff']", "allow = 'x'",
    "fuel = 5", "deadline = '1s'", "secrets = [{}]", "limits = {}", "limits.memory = '1MiB'",
    "a = [", "]", "'''", "tools = {}", "fuel = 0xfff", "# é",
)  # fmt: skip


@patient
@given(st.lists(st.sampled_from(_LINES), max_size=10).map("\n".join) | readable_text(100))
def test_any_document_is_a_policy_or_a_config_error(text: str) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(parsed(text), Policy)


def as_toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "'none'"
        case str():
            escaped = "".join(f"\\U{ord(character):08x}" for character in value)
            return f'"{escaped}"'
        case list():
            return f"[{', '.join(as_toml(item) for item in value)}]"
        case dict():
            return "{" + ", ".join(f"{as_toml(k)} = {as_toml(v)}" for k, v in value.items()) + "}"
        case _:
            return repr(value)


values_without_surrogates = json_values().filter(lambda value: "\\ud" not in repr(value))


@patient
@given(
    st.sampled_from(("version", "tools", "x"))
    | st.sampled_from(("source", "allow", "limits", "compiler")),
    values_without_surrogates,
)
def test_any_value_under_any_key_is_a_policy_or_a_config_error(key: str, value: Any) -> None:
    written = as_toml(value)
    text = (
        f"{key} = {written}"
        if key in ("version", "tools", "x")
        else f"version = 1\n[tools.a]\n{key} = {written}"
    )

    with contextlib.suppress(ConfigError):
        assert isinstance(parsed(text), Policy)
