"""The lockfile: one text for one content, and every damage is noticed."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import identifiers, json_values, patient

from hatchway.core.errors import ConfigError
from hatchway.provenance.canonical import canonical_digest
from hatchway.provenance.lockfile import (
    FILE_NAME,
    LockedTool,
    Lockfile,
    integrity_of,
    parse_lockfile,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DIGEST = "sha256:" + "0123456789abcdef" * 4
OTHER = "sha256:" + "fedcba9876543210" * 4


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
sets_of_text = st.sets(text, max_size=3).map(lambda items: tuple(sorted(items)))
unresolved = st.builds(
    LockedTool,
    source=text,
    resolved=st.none() | text,
    digest=digests,
    size=st.integers(0, 1 << 40),
    kind=st.sampled_from(("module", "component")),
    imports=sets_of_text,
    tools=st.dictionaries(identifiers(), digests, max_size=2),
    manifest=st.none() | st.dictionaries(text, json_values(3), max_size=2),
    signers=sets_of_text,
    policy=st.none() | digests,
    grade=st.none() | st.sampled_from("ABCDF"),
    rules=st.none() | text,
    overrides=sets_of_text,
)


def of_a_registry(tool: LockedTool, digest: str) -> LockedTool:
    return replace(tool, manifest_digest=digest, resolved=f"oci://registry/tool@{digest}")


locked_tools = unresolved | st.builds(of_a_registry, unresolved, digests)
lockfiles = st.builds(Lockfile, tools=st.dictionaries(identifiers(), locked_tools, max_size=3))


def encodable(lockfile: Lockfile) -> bool:
    try:
        lockfile.to_text().encode()
    except ValueError:  # text that is not Unicode cannot be hashed or written
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
            name: replace(
                tool,
                imports=tool.imports[::-1],
                signers=tool.signers[::-1],
                overrides=tool.overrides[::-1] * 2,
                tools=backwards(tool.tools),
                manifest=tool.manifest and backwards(tool.manifest),
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
    tool = locked(
        manifest={"abi": "json"},
        signers=("identity:ä@https://issuer", "key:sha256:0"),
        manifest_digest=OTHER,
        resolved=f"oci://registry/grep@{OTHER}",
        policy=OTHER,
    )

    assert (
        Lockfile(tools={"grep": tool}).to_text()
        == f"""\
{{
  "tools": {{
    "grep": {{
      "digest": "{DIGEST}",
      "grade": null,
      "imports": [
        "wasi_snapshot_preview1.fd_write"
      ],
      "integrity": "{integrity_of("grep", tool)}",
      "kind": "module",
      "manifest": {{
        "abi": "json"
      }},
      "manifest_digest": "{OTHER}",
      "overrides": [],
      "policy": "{OTHER}",
      "resolved": "oci://registry/grep@{OTHER}",
      "rules": null,
      "signers": [
        "identity:ä@https://issuer",
        "key:sha256:0"
      ],
      "size": 1234,
      "source": "./grep.wasm",
      "tools": {{
        "grep": "{DIGEST}"
      }}
    }}
  }},
  "version": 2
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


def sealed(whole: dict[str, Any]) -> str:
    """A document whose entries have the hash of what they say now, as a forger would do it."""
    for name, entry in whole["tools"].items():
        if isinstance(entry, dict) and entry.keys() == document()["tools"]["grep"].keys():
            values = {key: value for key, value in entry.items() if key != "integrity"}
            with contextlib.suppress(ValueError, RecursionError):
                entry["integrity"] = canonical_digest({"name": name, **values})
    return written(whole)


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
        "restore hatchway.lock from version control, or admit the tools again: "
        "rm hatchway.lock && hatchway trust ."
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
        ("tools", {"grep": None}), ("signers", None), ("signers", "key"), ("signers", [5]),
        ("grade", False), ("policy", "x"), ("policy", 5), ("resolved", 5),
        ("manifest_digest", "x"), ("manifest_digest", 5), ("integrity", None), ("integrity", "x"),
        ("integrity", DIGEST), ("rules", []), ("extra", 1),
        ("overrides", None), ("overrides", "HW"), ("overrides", [1]), ("overrides", {}),
    ],
    ids=repr,
)  # fmt: skip
def test_an_entry_with_a_value_of_the_wrong_kind_is_damaged(key: str, value: Any) -> None:
    assert "the entry 'grep' " in complaint(written(document(**{key: value}))).message
    if key != "integrity":
        assert "the entry 'grep' " in complaint(sealed(document(**{key: value}))).message


@pytest.mark.parametrize(
    "key", [key for key in document()["tools"]["grep"] if key not in ("integrity", "kind")]
)
def test_a_value_that_was_edited_by_hand_is_damage(key: str) -> None:
    whole = document()
    edited = {"size": 4321, "imports": [], "tools": {}, "manifest": None, "signers": ["key:x"]}
    whole["tools"]["grep"][key] = edited.get(key, ["HW-CAP-001:0"] if key == "overrides" else OTHER)
    whole["tools"]["grep"]["resolved"] = f"oci://grep@{OTHER}"

    assert "changed by another hand" in complaint(written(whole)).message


def test_an_entry_under_another_name_is_damage() -> None:
    whole = document()
    whole["tools"]["sed"] = whole["tools"].pop("grep")

    assert "the entry 'sed' was changed by another hand" in complaint(written(whole)).message


@pytest.mark.parametrize("resolved", [None, "oci://registry/grep@" + DIGEST, OTHER])
def test_an_entry_that_resolves_to_another_manifest_than_it_names_is_damage(
    resolved: str | None,
) -> None:
    whole = sealed(document(manifest_digest=OTHER, resolved=resolved))

    assert "resolves to another manifest" in complaint(whole).message


@pytest.mark.parametrize("key", ["imports", "signers", "overrides"])
@pytest.mark.parametrize("items", [["b", "a"], ["a", "a"]], ids=["unsorted", "twice"])
def test_a_set_that_is_not_written_in_order_is_damage(key: str, items: list[str]) -> None:
    complaint(sealed(document(**{key: items})))


@pytest.mark.parametrize("key", document()["tools"]["grep"])
def test_an_entry_that_lacks_a_key_is_damaged(key: str) -> None:
    assert "exactly the known keys" in complaint(written(without(key))).message


@pytest.mark.parametrize("entry", [None, [], "x", 5])
def test_an_entry_that_is_no_object_is_damaged(entry: Any) -> None:
    complaint(written({"version": 2, "tools": {"grep": entry}}))


@pytest.mark.parametrize("tools", [None, [], "x"])
def test_tools_that_are_no_object_are_damaged(tools: Any) -> None:
    assert "'tools' must be an object" in complaint(written({"version": 2, "tools": tools})).message


@pytest.mark.parametrize("version", [0, 3, -1, "2", None, [2], True, 2.0], ids=repr)
def test_another_version_is_damaged(version: Any) -> None:
    assert (
        "expected version 2, got " in complaint(written({"version": version, "tools": {}})).message
    )


def test_a_lockfile_of_version_1_is_refused_with_the_exact_next_command() -> None:
    with pytest.raises(ConfigError) as raised:
        parse_lockfile('{"tools": {}, "version": 1}', file="/srv/my project/hatchway.lock")

    assert raised.value.code == "config.version"
    assert raised.value.hint == (
        "admit the tools again: "
        "rm '/srv/my project/hatchway.lock' && hatchway trust '/srv/my project'"
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


WHOLE = Lockfile(tools={"grep": locked(signers=("ä",)), "sed": locked(kind="component")}).to_text()


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
            within = '{"a": ' * depth + "1" + "}" * depth
            complaint(written(document(**{place: "HERE"})).replace('"HERE"', within))


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
        spell = written if key == "integrity" else sealed
        found = parsed(spell(document(**{key: value})))
    except ConfigError as error:
        assert error.code == "config.lock_corrupt"  # noqa: PT017 - either outcome is right
        return

    assert json.loads(found.to_text())["tools"]["grep"][key] == value


# Merging


def entry_of(name: str, **changed: Any) -> LockedTool:
    imports = ("wasi_snapshot_preview1.fd_read", "wasi_snapshot_preview1.fd_write")
    return locked(source=f"./{name}.wasm", tools={name: DIGEST}, imports=imports, **changed)


def merged(base: Lockfile, ours: Lockfile, theirs: Lockfile, directory: Path) -> tuple[str, int]:
    """What git makes of two branches, and in how many places it gives up."""
    for name, lockfile in (("base", base), ("ours", ours), ("theirs", theirs)):
        (directory / name).write_text(lockfile.to_text())
    done = subprocess.run(
        ["git", "merge-file", "-p", "ours", "base", "theirs"],
        cwd=directory, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout, done.returncode


SHARED = Lockfile(tools={name: entry_of(name) for name in ("grep", "logs", "render")})


@pytest.mark.parametrize(("one", "other"), [("awk", "zip"), ("awk", "make"), ("head", "sort")])
def test_two_branches_that_each_add_a_tool_are_merged_by_git(
    one: str, other: str, tmp_path: Path
) -> None:
    ours = SHARED.with_tool(one, entry_of(one))
    theirs = SHARED.with_tool(other, entry_of(other))

    text, conflicts = merged(SHARED, ours, theirs, tmp_path)

    assert conflicts == 0
    assert parsed(text) == ours.with_tool(other, entry_of(other))


def test_two_branches_that_update_different_tools_are_merged_by_git(tmp_path: Path) -> None:
    ours = SHARED.with_tool("grep", entry_of("grep", size=1, digest=OTHER))
    theirs = SHARED.with_tool("render", entry_of("render", size=2, grade="B"))

    text, conflicts = merged(SHARED, ours, theirs, tmp_path)

    assert conflicts == 0
    assert parsed(text) == ours.with_tool("render", theirs.tools["render"])


def test_two_branches_that_update_one_tool_conflict_however_far_apart_the_lines_are(
    tmp_path: Path,
) -> None:
    ours = SHARED.with_tool("logs", entry_of("logs", digest=OTHER))
    theirs = SHARED.with_tool("logs", entry_of("logs", size=2))

    text, conflicts = merged(SHARED, ours, theirs, tmp_path)

    assert conflicts == 1
    error = complaint(text)
    assert "a merge left conflicts in it" in error.message
    assert error.hint == ("git checkout --ours hatchway.lock, then hatchway update what conflicted")


@pytest.mark.claim("lock.whole")
@pytest.mark.parametrize("key", document()["tools"]["grep"])
def test_an_entry_that_mixes_two_is_never_half_believed(key: str) -> None:
    ours = entry_of("grep", digest=OTHER, size=1, kind="component", manifest=None, grade="A")
    ours = replace(ours, imports=(), tools={"grep": OTHER}, signers=("key:a",), policy=OTHER)
    ours = replace(ours, source="./a.wasm", rules="2", overrides=("HW-CAP-001:0",))
    ours = replace(ours, manifest_digest=OTHER, resolved=f"oci://grep@{OTHER}")
    theirs = of_a_registry(entry_of("grep", policy=DIGEST), DIGEST)
    whole = json.loads(Lockfile(tools={"grep": ours}).to_text())
    whole["tools"]["grep"][key] = json.loads(Lockfile(tools={"grep": theirs}).to_text())["tools"][
        "grep"
    ][key]

    complaint(written(whole))


def test_the_lockfile_stands_beside_the_policy_under_a_fixed_name() -> None:
    assert FILE_NAME == "hatchway.lock"
