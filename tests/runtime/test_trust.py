"""A project's policy counts only as a person has seen it."""

from __future__ import annotations

import contextlib
import json
import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest

from hatchway.core.errors import ConfigError
from hatchway.registry.files import write_atomically
from hatchway.runtime import trust
from hatchway.runtime.trust import KeptTexts, TrustedProjects

if TYPE_CHECKING:
    from pathlib import Path

POLICY = "version = 1\n"


def made(directory: Path, *, lock: bool = True, sidecar: bool = True) -> Path:
    """The policy of a new project, with what belongs to it."""
    directory.mkdir(parents=True)
    (directory / "hatchway.toml").write_text(POLICY)
    if lock:
        (directory / "hatchway.lock").write_text("{}")
    if sidecar:
        (directory / "grep.tool.toml").write_text("")
    return directory / "hatchway.toml"


def sidecars(policy: Path) -> tuple[Path, ...]:
    return tuple(sorted(policy.parent.glob("*.tool.toml")))


def record(tmp_path: Path) -> TrustedProjects:
    return TrustedProjects(tmp_path / "config" / "trusted.json")


def trusted(tmp_path: Path, policy: Path) -> TrustedProjects:
    """A record in which a project is trusted as it is now."""
    projects = record(tmp_path)
    projects.record(policy, sidecars(policy))
    return projects


def test_a_project_is_not_trusted_until_somebody_says_so(tmp_path: Path) -> None:
    policy = made(tmp_path / "project")
    projects = record(tmp_path)

    assert not projects.is_trusted(policy)
    assert not projects.is_known(policy)


def test_a_project_that_somebody_trusts_is_trusted(tmp_path: Path) -> None:
    policy = made(tmp_path / "project")
    projects = trusted(tmp_path, policy)

    assert projects.is_trusted(policy)
    assert projects.is_known(policy)


def test_trust_is_remembered_by_the_next_process(tmp_path: Path) -> None:
    policy = made(tmp_path / "project")
    trusted(tmp_path, policy)

    assert record(tmp_path).is_trusted(policy)


def test_trusting_one_project_says_nothing_about_another(tmp_path: Path) -> None:
    policy, other = made(tmp_path / "a"), made(tmp_path / "b")

    assert not trusted(tmp_path, policy).is_trusted(other)


def test_trusting_another_project_forgets_none(tmp_path: Path) -> None:
    policies = [made(tmp_path / name) for name in "abc"]
    for policy in policies:
        trusted(tmp_path, policy)

    assert all(record(tmp_path).is_trusted(policy) for policy in policies)


CHANGES: dict[str, Any] = {
    "a character in the policy": lambda d: (d / "hatchway.toml").write_text(POLICY + "#"),
    "an empty policy": lambda d: (d / "hatchway.toml").write_text(""),
    "no policy": lambda d: (d / "hatchway.toml").unlink(),
    "a character in the lockfile": lambda d: (d / "hatchway.lock").write_text("{} "),
    "no lockfile": lambda d: (d / "hatchway.lock").unlink(),
    "a character in a sidecar": lambda d: (d / "grep.tool.toml").write_text("#"),
    "no sidecar": lambda d: (d / "grep.tool.toml").unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_by_hand_ends_trust(change: str, tmp_path: Path) -> None:
    policy = made(tmp_path / "project")
    projects = trusted(tmp_path, policy)

    CHANGES[change](policy.parent)

    assert not projects.is_trusted(policy)
    assert projects.is_known(policy)


def test_a_lockfile_that_appears_ends_trust(tmp_path: Path) -> None:
    policy = made(tmp_path / "project", lock=False)
    projects = trusted(tmp_path, policy)

    policy.with_name("hatchway.lock").write_text("{}")

    assert not projects.is_trusted(policy)


@pytest.mark.parametrize("name", ["hatchway.toml", "hatchway.lock", "grep.tool.toml"])
def test_a_file_that_becomes_a_link_to_another_text_ends_trust(name: str, tmp_path: Path) -> None:
    policy = made(tmp_path / "project")
    projects = trusted(tmp_path, policy)
    (tmp_path / "evil").write_text("evil")

    policy.with_name(name).unlink()
    policy.with_name(name).symlink_to(tmp_path / "evil")

    assert not projects.is_trusted(policy)


def test_taking_the_change_back_restores_trust(tmp_path: Path) -> None:
    policy = made(tmp_path / "project")
    projects = trusted(tmp_path, policy)
    policy.write_text("changed")

    policy.write_text(POLICY)

    assert projects.is_trusted(policy)


def test_a_change_can_be_trusted_in_its_turn(tmp_path: Path) -> None:
    policy = made(tmp_path / "project")
    trusted(tmp_path, policy)
    policy.write_text("changed")

    assert trusted(tmp_path, policy).is_trusted(policy)


def test_a_file_that_is_in_the_way_of_trust_but_not_part_of_the_project_changes_nothing(
    tmp_path: Path,
) -> None:
    policy = made(tmp_path / "project")
    projects = trusted(tmp_path, policy)

    (policy.parent / "README.md").write_text("hello")

    assert projects.is_trusted(policy)


# Links


def test_a_link_to_a_trusted_policy_is_not_trusted_with_another_lockfile(tmp_path: Path) -> None:
    policy = made(tmp_path / "trusted")
    projects = trusted(tmp_path, policy)
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / "hatchway.toml").symlink_to(policy)
    (evil / "hatchway.lock").write_text('{"evil": true}')

    assert not projects.is_trusted(evil / "hatchway.toml")


def test_a_project_is_the_same_one_through_a_link_to_its_directory(tmp_path: Path) -> None:
    policy = made(tmp_path / "project")
    projects = trusted(tmp_path, policy)
    (tmp_path / "link").symlink_to(policy.parent)

    assert projects.is_trusted(tmp_path / "link" / "hatchway.toml")


def test_what_is_hashed_is_the_project_even_if_it_was_trusted_through_a_link(
    tmp_path: Path,
) -> None:
    policy = made(tmp_path / "project")
    copy = made(tmp_path / "copy")
    link = tmp_path / "link"
    link.symlink_to(policy.parent)
    projects = record(tmp_path)
    projects.record(link / "hatchway.toml", (link / "grep.tool.toml",))

    link.unlink()
    link.symlink_to(copy.parent)
    policy.write_text("changed")

    assert not projects.is_trusted(policy)


# The record


def test_what_was_trusted_is_kept_and_for_its_owner_only(tmp_path: Path) -> None:
    policy, projects = made(tmp_path / "project"), record(tmp_path)
    policy.with_name("hatchway.lock").write_text("{}")

    projects.record(policy, ())
    before = policy.read_text()
    policy.write_text("version = 2\n")

    (kept,) = (tmp_path / "config" / "trusted").iterdir()
    assert projects.kept(policy) == KeptTexts(policy=before, lock="{}")
    assert projects.kept(tmp_path / "other" / "hatchway.toml") is None
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def test_what_is_no_text_is_trusted_and_not_kept(tmp_path: Path) -> None:
    policy, projects = made(tmp_path / "project"), record(tmp_path)
    projects.record(policy, ())
    policy.with_name("hatchway.lock").write_bytes(b"\xff")

    projects.record(policy, ())

    assert projects.is_trusted(policy)
    assert projects.kept(policy) is None
    assert list((tmp_path / "config" / "trusted").iterdir()) == []


def test_sidecars_that_come_go_or_change_are_told(tmp_path: Path) -> None:
    policy, projects = made(tmp_path / "project"), record(tmp_path)
    same, changed, gone, new = (policy.with_name(f"{name}.tool.toml") for name in "abcd")
    for file in (same, changed, gone):
        file.write_text("1")
    projects.record(policy, (same, changed, gone, new))
    changed.write_text("2")
    gone.unlink()
    new.write_text("1")

    assert projects.changed_files(policy, (same, changed, new)) == (changed, gone, new)


def test_the_record_is_for_its_owner_only(tmp_path: Path) -> None:
    trusted(tmp_path, made(tmp_path / "project"))

    file = tmp_path / "config" / "trusted.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", ["", "{", "\xff", "[" * 100_000], ids=lambda text: text[:3])
def test_a_record_that_cannot_be_read_trusts_nothing_and_says_so(text: str, tmp_path: Path) -> None:
    policy = made(tmp_path / "project")
    projects = trusted(tmp_path, policy)
    (tmp_path / "config" / "trusted.json").write_text(text, encoding="latin-1")

    with pytest.raises(ConfigError) as raised:
        projects.is_trusted(policy)

    assert raised.value.code == "config.trust_corrupt"
    assert raised.value.hint is not None
    assert "trust your projects again" in raised.value.hint


@pytest.mark.parametrize(
    "value", [None, 5, "text", ["hatchway.toml"], [5], {}, {"hatchway.toml": None}], ids=repr
)
def test_a_record_of_another_shape_trusts_nothing(value: Any, tmp_path: Path) -> None:
    policy = made(tmp_path / "project")
    file = tmp_path / "config" / "trusted.json"
    file.parent.mkdir()

    for document in (value, {str(policy): value}):
        file.write_text(json.dumps(document))
        assert not record(tmp_path).is_trusted(policy)


def test_an_empty_record_of_a_project_does_not_trust_it(tmp_path: Path) -> None:
    policy = made(tmp_path / "project")
    file = tmp_path / "config" / "trusted.json"
    file.parent.mkdir()
    file.write_text(json.dumps({str(policy): {}}))

    assert not record(tmp_path).is_trusted(policy)


def test_a_record_that_cannot_be_written_is_the_operators_problem(tmp_path: Path) -> None:
    (tmp_path / "config").touch()

    with pytest.raises(ConfigError):
        trusted(tmp_path, made(tmp_path / "project"))


def test_a_record_that_cannot_be_replaced_is_the_operators_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trust, "write_atomically", full)

    with pytest.raises(ConfigError) as raised:
        trusted(tmp_path, made(tmp_path / "project"))

    assert raised.value.code == "config.unwritable"


def test_two_projects_that_are_trusted_at_once_are_both_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = [made(tmp_path / name) for name in "ab"]
    # Each waits, before it writes, until the other has read: unless something keeps them apart.
    both_have_read = threading.Barrier(2)

    def together(path: Path, content: bytes, *, mode: int | None = None) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            both_have_read.wait(timeout=1)
        write_atomically(path, content, mode=mode)

    monkeypatch.setattr(trust, "write_atomically", together)
    threads = [threading.Thread(target=trusted, args=(tmp_path, policy)) for policy in policies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert [record(tmp_path).is_trusted(policy) for policy in policies] == [True, True]
