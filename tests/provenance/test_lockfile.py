"""The lockfile: one text for one content, and every damage is noticed."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import identifiers, json_values, patient

from hatchway.core.errors import ConfigError
from hatchway.provenance.lockfile import FILE_NAME, LockedTool, Lockfile, parse_lockfile

if TYPE_CHECKING:
    from collections.abc import Mapping

DIGEST = "sha256:" + "0123456789abcdef" * 4


def locked(**changed: Any) -> LockedTool:
    facts: dict[str, Any] = {
        "source": "./grep.wasm",
        "digest": DIGEST,
        "size": 1234,
        "kind": "module",
        "imports": ("wasi_snapshot_preview1.fd_write",),
        "tools": {"grep": DIGEST},
        "manifest": {"abi": "json", "input": {"type": "object"}},
    }
    return LockedTool(**(facts | changed))


def parsed(text: str) -> Lockfile:
    return parse_lockfile(text, file="hatchway.lock")


def complaint(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        parsed(text)
    assert raised.value.code == "config.lock_corrupt"
    return raised.value


text = st.text(st.characters(codec="utf-8"), max_size=8)
digests = st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:{}".format)
locked_tools = st.builds(
    LockedTool,
    source=text,
    digest=digests,
    size=st.integers(0, 1 << 40),
    kind=st.sampled_from(("module", "component")),
    imports=st.lists(text, max_size=3).map(tuple),
    tools=st.dictionaries(identifiers(), digests, max_size=2),
    manifest=st.none() | st.dictionaries(text, json_values(3), max_size=2),
    signer=st.none() | text,
    grade=st.none() | st.sampled_from("ABCDF"),
    rules=st.none() | text,
    overrides=st.lists(text, max_size=2).map(tuple),
)
lockfiles = st.builds(Lockfile, tools=st.dictionaries(identifiers(), locked_tools, max_size=3))


def encodable(lockfile: Lockfile) -> bool:
    try:
        lockfile.to_text().encode()
    except UnicodeEncodeError:
        return False
    return True


@patient
@given(lockfiles.filter(encodable))
def test_a_lockfile_is_read_back_as_it_was_written(lockfile: Lockfile) -> None:
    assert parsed(lockfile.to_text()) == lockfile


def backwards(table: Mapping[str, Any]) -> dict[str, Any]:
    """The same entries in the opposite order."""
    return dict(reversed(list(table.items())))


@patient
@given(lockfiles.filter(encodable))
def test_the_same_content_is_the_same_text(lockfile: Lockfile) -> None:
    shuffled = Lockfile(
        tools={
            name: locked(
                **{
                    field: getattr(tool, field)
                    for field in ("source", "digest", "size", "kind", "imports")
                },
                tools=backwards(tool.tools),
                manifest=tool.manifest and backwards(tool.manifest),
                signer=tool.signer,
                grade=tool.grade,
                rules=tool.rules,
                overrides=tool.overrides,
            )
            for name, tool in backwards(lockfile.tools).items()
        }
    )

    assert shuffled.to_text() == lockfile.to_text()


@patient
@given(lockfiles.filter(encodable))
def test_a_text_ends_with_one_line_feed_so_that_it_can_be_compared(lockfile: Lockfile) -> None:
    written = lockfile.to_text()

    assert written.endswith("}\n")
    assert not written.endswith("\n\n")


def test_a_whole_lockfile_has_this_text() -> None:
    lockfile = Lockfile(tools={"grep": locked(manifest={"abi": "json"}, signer="ä")})

    assert (
        lockfile.to_text()
        == f"""\
{{
  "tools": {{
    "grep": {{
      "digest": "{DIGEST}",
      "grade": null,
      "imports": [
        "wasi_snapshot_preview1.fd_write"
      ],
      "kind": "module",
      "manifest": {{
        "abi": "json"
      }},
      "overrides": [],
      "rules": null,
      "signer": "ä",
      "size": 1234,
      "source": "./grep.wasm",
      "tools": {{
        "grep": "{DIGEST}"
      }}
    }}
  }},
  "version": 1
}}
"""
    )


def test_an_empty_lockfile_admits_nothing() -> None:
    assert parsed(Lockfile().to_text()).tools == {}


def test_a_tool_is_added_and_replaced_under_its_name() -> None:
    first = Lockfile().with_tool("grep", locked())

    second = first.with_tool("sed", locked()).with_tool("grep", locked(size=1))

    assert {name: tool.size for name, tool in second.tools.items()} == {"grep": 1, "sed": 1234}
    assert first.tools["grep"].size == 1234


def test_a_tool_is_taken_away_and_nothing_else() -> None:
    both = Lockfile().with_tool("grep", locked()).with_tool("sed", locked())

    assert both.without_tool("grep").tools.keys() == {"sed"}
    assert both.without_tool("awk") == both


# Damage


def document(**changed: Any) -> dict[str, Any]:
    """A sound document, with something changed in its only entry."""
    whole: dict[str, Any] = json.loads(Lockfile(tools={"grep": locked()}).to_text())
    whole["tools"]["grep"] |= changed
    return whole


def written(whole: dict[str, Any]) -> str:
    """A document in the form that Hatchway writes."""
    return json.dumps(whole, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def without(key: str) -> dict[str, Any]:
    whole = document()
    del whole["tools"]["grep"][key]
    return whole


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{", '{"version": 1}', '{"tools": {}}', "\ufeff{}", "[" * 100_000, "\0"],
    ids=lambda text: repr(text)[:20],
)
def test_what_is_not_a_lockfile_is_damaged(text: str) -> None:
    error = complaint(text)

    assert error.message.startswith("hatchway.lock is damaged: ")
    assert error.hint == (
        "restore hatchway.lock from version control, or remove it and admit the tools again"
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("source", 5), ("source", None), ("digest", None), ("digest", "sha256:0"),
        ("digest", DIGEST.upper()), ("digest", "sha512:" + "0" * 64), ("digest", DIGEST + "\n"),
        ("digest", [DIGEST]), ("size", "1234"), ("size", 1.5), ("size", None), ("size", -1),
        ("size", True), ("kind", "Module"), ("kind", None), ("kind", ["module"]),
        ("imports", "fd_write"), ("imports", None), ("imports", [5]), ("imports", {}),
        ("manifest", []), ("manifest", "x"), ("tools", []), ("tools", {"grep": "0"}),
        ("tools", {"grep": None}), ("signer", 5), ("grade", False), ("rules", []), ("extra", 1),
        ("overrides", None), ("overrides", "HW"), ("overrides", [1]), ("overrides", {}),
    ],
    ids=repr,
)  # fmt: skip
def test_an_entry_with_a_value_of_the_wrong_kind_is_damaged(key: str, value: Any) -> None:
    assert "the entry 'grep' " in complaint(written(document(**{key: value}))).message


@pytest.mark.parametrize("key", document()["tools"]["grep"])
def test_an_entry_that_lacks_a_key_is_damaged(key: str) -> None:
    assert "exactly the known keys" in complaint(written(without(key))).message


@pytest.mark.parametrize("entry", [None, [], "x", 5])
def test_an_entry_that_is_no_object_is_damaged(entry: Any) -> None:
    complaint(written({"version": 1, "tools": {"grep": entry}}))


@pytest.mark.parametrize("tools", [None, [], "x"])
def test_tools_that_are_no_object_are_damaged(tools: Any) -> None:
    assert "'tools' must be an object" in complaint(written({"version": 1, "tools": tools})).message


@pytest.mark.parametrize("version", [0, 2, "1", None, [1], True, 1.0], ids=repr)
def test_another_version_is_damaged(version: Any) -> None:
    assert (
        "expected version 1, got " in complaint(written({"version": version, "tools": {}})).message
    )


def test_a_lockfile_that_says_something_twice_is_damaged() -> None:
    whole = Lockfile(tools={"grep": locked()}).to_text()
    evil = DIGEST.replace("0123", "ffff")

    twice = whole.replace('"grade"', f'"digest": "{evil}",\n      "grade"')

    complaint(twice)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.rstrip("\n"),
        lambda text: text + "\n",
        lambda text: text.replace("  ", "\t"),
        lambda text: json.dumps(json.loads(text)),
        lambda text: json.dumps(backwards(json.loads(text)), indent=2) + "\n",
        lambda text: text.replace('"size": 1234', '"size": 1234 '),
        lambda text: text.replace("grep", "gr\\u0065p"),
    ],
    ids=["no end", "two ends", "tabs", "one line", "unsorted", "a space", "an escape"],
)
def test_what_hatchway_would_not_have_written_is_damaged(change: Any) -> None:
    whole = Lockfile(tools={"grep": locked(), "awk": locked()}).to_text()

    complaint(change(whole))


def mutations(data: bytes, count: int) -> list[bytes]:
    """Copies of `data`, each with a byte changed, taken out or put in."""
    chosen = random.Random(8785)  # noqa: S311 - the same damage in every run
    damaged = []
    for _ in range(count):
        at, byte = chosen.randrange(len(data)), chosen.randbytes(1)
        cut, put = chosen.choice([(1, byte), (1, b""), (0, byte)])
        damaged.append(data[:at] + put + data[at + cut :])
    return damaged


WHOLE = Lockfile(tools={"grep": locked(signer="ä"), "sed": locked(kind="component")}).to_text()


def test_no_damage_to_a_byte_is_anything_but_damage() -> None:
    for data in mutations(WHOLE.encode(), 3000):
        try:
            found = parsed(data.decode())
        except UnicodeDecodeError:
            continue  # whoever reads the file notices
        except ConfigError as error:
            assert error.code == "config.lock_corrupt"  # noqa: PT017 - either outcome is right
            continue
        # What was not noticed says something else in the form that Hatchway writes.
        assert found.to_text().encode() == data


def test_a_lockfile_that_ends_early_is_damaged() -> None:
    for length in range(len(WHOLE)):
        complaint(WHOLE[:length])


@pytest.mark.parametrize("place", ["version", "manifest", "source", "tools"])
def test_a_lockfile_of_any_depth_is_damaged_and_never_crashes_the_reader(place: str) -> None:
    for depth in range(900, 1100):
        nested = "[" * depth + "]" * depth
        if place == "version":
            complaint(f'{{"tools": {{}}, "version": {nested}}}')
        else:
            complaint(written(document(**{place: "HERE"})).replace('"HERE"', nested))


@patient
@given(json_values(10).map(json.dumps) | st.text(max_size=30))
def test_any_text_is_a_lockfile_or_damaged(text: str) -> None:
    try:
        assert isinstance(parsed(text), Lockfile)
    except ConfigError as error:
        assert error.code == "config.lock_corrupt"  # noqa: PT017 - either outcome is right


@patient
@given(st.sampled_from(sorted(document()["tools"]["grep"])), json_values())
def test_any_value_under_any_key_is_kept_or_damaged(key: str, value: Any) -> None:
    try:
        found = parsed(written(document(**{key: value})))
    except ConfigError as error:
        assert error.code == "config.lock_corrupt"  # noqa: PT017 - either outcome is right
        return

    assert json.loads(found.to_text())["tools"]["grep"][key] == value


def test_the_lockfile_stands_beside_the_policy_under_a_fixed_name() -> None:
    assert FILE_NAME == "hatchway.lock"
