"""The policy in force and the lockfile beside it, and changing both together."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient

from hatchway.core.errors import ConfigError
from hatchway.policy.document import parse_policy
from hatchway.provenance.lockfile import LockedTool, Lockfile
from hatchway.registry.files import write_atomically
from hatchway.runtime import project as project_module
from hatchway.runtime.policy_edit import Hosting, PolicyEdit
from hatchway.runtime.project import Found, Project, find_project, sidecar_of, untrusted
from hatchway.runtime.settings import Directories
from hatchway.runtime.trust import TrustedProjects

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "sha256:" + "0" * 64
POLICY = """\
# Who may do what.
version = 1

[tools.grep]  # searches
source = "./grep.wasm"
allow = ["clock"]  # stamps
"""


def locked(source: str = "./grep.wasm") -> LockedTool:
    return LockedTool(
        source=source, digest=DIGEST, size=1, kind="module", imports=(), tools={"grep": DIGEST}
    )


def own_directories(tmp_path: Path) -> Directories:
    return Directories(
        config=tmp_path / "own" / "config",
        data=tmp_path / "own" / "data",
        state=tmp_path / "own" / "state",
        cache=tmp_path / "own" / "cache",
    )


def project(tmp_path: Path, text: str = POLICY, name: str = "project") -> Project:
    """A project with this policy, not yet trusted."""
    (tmp_path / name).mkdir(parents=True, exist_ok=True)
    (tmp_path / name / "hatchway.toml").write_text(text)
    return Project(
        policy_file=tmp_path / name / "hatchway.toml",
        is_own=False,
        trusted=TrustedProjects(own_directories(tmp_path).trusted_projects),
    )


def own(tmp_path: Path) -> Project:
    """The user's own policy, of which nothing exists yet."""
    directories = own_directories(tmp_path)
    return Project(
        policy_file=directories.config / "hatchway.toml",
        is_own=True,
        trusted=TrustedProjects(directories.trusted_projects),
    )


def trust(found: Project) -> Project:
    found.trusted.record(found.policy_file, found.named())
    return found


def complaint(action: Any) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        action()
    return raised.value


def change(found: Project, name: str = "sed") -> None:
    """Admit a tool."""
    with found.editing() as edit:
        edit.set_tool(name, f"./{name}.wasm", ["clock"])
        edit.pin(name, locked(f"./{name}.wasm"))


# In force


def test_a_project_is_inert_until_it_is_trusted(tmp_path: Path) -> None:
    found = project(tmp_path)

    assert not found.is_in_force
    error = complaint(found.require_in_force)
    assert error.code == "config.untrusted"
    assert error.message == f"{str(found.policy_file)!r} is not trusted"
    assert error.hint == f"read it, then run: hatchway trust {found.base}"


def test_a_trusted_project_is_in_force(tmp_path: Path) -> None:
    found = trust(project(tmp_path))

    found.require_in_force()
    assert found.is_in_force


def test_the_users_own_policy_is_always_in_force(tmp_path: Path) -> None:
    found = own(tmp_path)
    change(found)
    found.policy_file.write_text("version = 1\n# by hand\n")

    assert found.is_in_force


def add_sidecar(found: Project, text: str = "") -> None:
    (found.base / "grep.tool.toml").write_text(text)


HAND_CHANGES: dict[str, Any] = {
    "the policy": lambda found: found.policy_file.write_text(POLICY + "\n"),
    "the policy's comment": lambda found: found.policy_file.write_text(
        POLICY.replace("Who", "who")
    ),
    "the lockfile": lambda found: found.lock_file.write_text(found.lock_file.read_text() + " "),
    "the lockfile, away": lambda found: found.lock_file.unlink(),
    "a sidecar": lambda found: add_sidecar(found, "purpose = 'x'"),
    "a sidecar, away": lambda found: (found.base / "grep.tool.toml").unlink(),
}


@pytest.mark.parametrize("what", HAND_CHANGES)
def test_a_change_by_hand_makes_a_trusted_project_inert(what: str, tmp_path: Path) -> None:
    found = project(tmp_path)
    found.lock_file.write_text(Lockfile().to_text())
    add_sidecar(found)
    trust(found)

    HAND_CHANGES[what](found)

    assert not found.is_in_force
    assert "was changed since it was trusted" in complaint(found.require_in_force).message


def test_a_lockfile_that_appears_makes_a_trusted_project_inert(tmp_path: Path) -> None:
    found = trust(project(tmp_path))

    found.lock_file.write_text(Lockfile().to_text())

    assert not found.is_in_force


def test_a_sidecar_that_appears_makes_a_trusted_project_inert(tmp_path: Path) -> None:
    found = trust(project(tmp_path))

    add_sidecar(found)

    assert not found.is_in_force


def test_a_link_to_a_trusted_policy_is_inert(tmp_path: Path) -> None:
    found = trust(project(tmp_path))
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / "hatchway.toml").symlink_to(found.policy_file)
    (evil / "hatchway.lock").write_text(Lockfile(tools={"grep": locked()}).to_text())

    linked = find_project(evil, own_directories(tmp_path))

    assert linked.project.policy_file.parent != evil


def test_a_sidecar_stands_beside_its_artifact(tmp_path: Path) -> None:
    assert sidecar_of(tmp_path / "resvg.wasm") == tmp_path / "resvg.tool.toml"


def test_the_sidecars_of_a_project_are_those_of_the_artifacts_it_names(tmp_path: Path) -> None:
    found = project(tmp_path)
    add_sidecar(found)
    (found.base / "other.tool.toml").touch()

    assert found.named() == (found.base / "grep.tool.toml",)


# Reading


def test_where_there_is_no_file_there_is_no_policy_and_no_lock(tmp_path: Path) -> None:
    found = own(tmp_path)

    assert found.policy().tools == {}
    assert found.lock() == Lockfile()


def test_a_policy_is_read_with_its_file_and_directory(tmp_path: Path) -> None:
    found = project(tmp_path)

    assert found.policy().file == str(found.policy_file)
    assert found.policy().tools.keys() == {"grep"}


@pytest.mark.parametrize("name", ["hatchway.toml", "hatchway.lock"])
def test_a_file_that_is_not_text_is_the_operators_problem(name: str, tmp_path: Path) -> None:
    found = project(tmp_path)
    (found.base / name).write_bytes(b"\xff\xfe")

    error = complaint(found.policy if name == "hatchway.toml" else found.lock)

    assert error.code == "config.unreadable"


@pytest.mark.parametrize("name", ["hatchway.toml", "hatchway.lock"])
def test_a_directory_in_the_place_of_a_file_is_the_operators_problem(
    name: str, tmp_path: Path
) -> None:
    found = project(tmp_path)
    (found.base / name).unlink(missing_ok=True)
    (found.base / name).mkdir()

    error = complaint(found.policy if name == "hatchway.toml" else found.lock)

    assert error.code == "config.unreadable"


def test_a_damaged_lockfile_is_the_operators_problem(tmp_path: Path) -> None:
    found = project(tmp_path)
    found.lock_file.write_text("{")

    assert complaint(found.lock).code == "config.lock_corrupt"


# Changing


def test_what_is_changed_is_in_policy_and_lock_and_stays_in_force(tmp_path: Path) -> None:
    found = trust(project(tmp_path))

    change(found)

    assert found.is_in_force
    assert [str(item) for item in found.policy().tools["sed"].allow] == ["clock"]
    assert found.lock().tools["sed"].source == "./sed.wasm"


def test_a_change_that_names_an_artifact_with_a_sidecar_trusts_the_sidecar_as_it_is(
    tmp_path: Path,
) -> None:
    found = trust(project(tmp_path))
    (found.base / "sed.tool.toml").write_text("purpose = 'x'")

    change(found)
    assert found.is_in_force

    (found.base / "sed.tool.toml").write_text("purpose = 'y'")
    assert not found.is_in_force


def test_the_first_change_makes_the_users_own_policy(tmp_path: Path) -> None:
    found = own(tmp_path)

    change(found)

    assert found.policy_file.read_text() == (
        'version = 1\n\n[tools.sed]\nsource = "./sed.wasm"\nallow = ["clock"]\n'
    )
    assert found.policy_file.stat().st_mode & 0o777 == 0o600


def test_a_policy_keeps_its_permissions(tmp_path: Path) -> None:
    found = project(tmp_path)
    found.policy_file.chmod(0o664)

    change(trust(found))

    assert found.policy_file.stat().st_mode & 0o777 == 0o664


def test_a_project_that_is_not_in_force_cannot_be_changed(tmp_path: Path) -> None:
    found = project(tmp_path)

    assert complaint(lambda: change(found)).code == "config.untrusted"

    assert found.policy_file.read_text() == POLICY
    assert not found.lock_file.exists()


def test_a_change_that_fails_halfway_changes_nothing(tmp_path: Path) -> None:
    found = trust(project(tmp_path))

    def interrupted() -> None:
        with found.editing() as edit:
            edit.set_tool("sed", "./sed.wasm", [])
            edit.pin("sed", locked())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert found.policy_file.read_text() == POLICY
    assert not found.lock_file.exists()
    assert found.is_in_force


@pytest.mark.parametrize(
    ("name", "allow"),
    [("sed", ["clocks"]), ("sed", ["net.socket=*.e.org:80"]), ("a b", []), ("grep", ["x"])],
)
def test_a_change_that_would_not_be_a_policy_is_refused_and_changes_nothing(
    name: str, allow: list[str], tmp_path: Path
) -> None:
    found = trust(project(tmp_path))

    def attempt() -> None:
        with found.editing() as edit:
            edit.set_tool(name, "./x.wasm", allow)

    complaint(attempt)
    assert found.policy_file.read_text() == POLICY
    assert found.is_in_force


BROKEN = {
    "no TOML": "version = ",
    "tools that are no table": "version = 1\ntools = 5",
    "a tool that is no table": "version = 1\n[tools]\ngrep = 5",
    "an unknown key": "version = 1\nother = 5",
    "a list that is none": 'version = 1\n[tools.grep]\nsource = "x"\nallow = 5',
    "far too deep": "version = 1\na = " + "[" * 600 + "]" * 600,
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_policy_cannot_be_changed_and_stays_as_it_is(what: str, tmp_path: Path) -> None:
    found = own(tmp_path)
    found.base.mkdir(parents=True)
    found.policy_file.write_text(BROKEN[what])

    def attempt() -> None:
        with found.editing() as edit:
            edit.set_tool("grep", "./x.wasm", ["clock"])

    complaint(attempt)
    assert found.policy_file.read_text() == BROKEN[what]


def test_a_place_that_cannot_be_written_is_the_operators_problem(tmp_path: Path) -> None:
    found = own(tmp_path)
    found.base.parent.mkdir(parents=True)
    found.base.touch()

    error = complaint(lambda: change(found))

    assert error.code == "config.unwritable"
    assert error.hint == "point XDG_CONFIG_HOME at a directory you may write to"


def test_files_that_do_not_change_are_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = trust(project(tmp_path))
    change(found)
    written: list[str] = []

    def noted(path: Path, content: bytes, **named: Any) -> None:
        written.append(path.name)
        write_atomically(path, content, **named)

    monkeypatch.setattr(project_module, "write_atomically", noted)
    change(found)
    with found.editing():
        pass

    assert written == []
    assert found.is_in_force


# A crash between two files


def crash_at_write(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the write of that number, from 1, and all later ones fail."""
    count = [0]

    def crashing(path: Path, content: bytes, **named: Any) -> None:
        count[0] += 1
        if count[0] >= number:
            raise OSError(28, "No space left on device")
        write_atomically(path, content, **named)

    monkeypatch.setattr(project_module, "write_atomically", crashing)


def test_a_crash_before_anything_is_written_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = trust(project(tmp_path))
    crash_at_write(1, monkeypatch)

    complaint(lambda: change(found))

    assert found.policy_file.read_text() == POLICY
    assert found.is_in_force


def test_a_crash_between_lock_and_policy_denies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = trust(project(tmp_path))
    crash_at_write(2, monkeypatch)

    assert complaint(lambda: change(found)).code == "config.unwritable"

    assert "sed" in found.lock().tools
    assert "sed" not in found.policy().tools
    assert not found.is_in_force


def test_a_crash_between_lock_and_policy_of_ones_own_allows_no_new_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = own(tmp_path)
    change(found, "grep")
    crash_at_write(2, monkeypatch)

    complaint(lambda: change(found, "sed"))

    assert found.policy().tools.keys() == {"grep"}


def test_a_crash_between_policy_and_trust_denies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crashing(*_: object) -> None:
        raise KeyboardInterrupt

    found = trust(project(tmp_path))
    monkeypatch.setattr(TrustedProjects, "record", crashing)

    with pytest.raises(KeyboardInterrupt):
        change(found)

    assert not found.is_in_force


def test_after_a_crash_trusting_again_and_repeating_the_change_repairs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = trust(project(tmp_path))
    with monkeypatch.context() as crash:
        crash_at_write(2, crash)
        complaint(lambda: change(found))

    change(trust(found))

    assert found.is_in_force
    assert found.policy().tools.keys() == {"grep", "sed"}


# At the same time


def test_editors_in_threads_lose_nothing(tmp_path: Path) -> None:
    found = trust(project(tmp_path))
    failures: list[BaseException] = []

    def work(me: int) -> None:
        try:
            for number in range(5):
                change(found, f"tool-{me}-{number}")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(me,)) for me in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    expected = {f"tool-{me}-{number}" for me in range(4) for number in range(5)}
    assert failures == []
    assert found.policy().tools.keys() == expected | {"grep"}
    assert found.lock().tools.keys() == expected
    assert found.is_in_force


EDITOR = """
import sys
from pathlib import Path
from hatchway.runtime.project import Project
from hatchway.runtime.trust import TrustedProjects
policy, record, me = sys.argv[1:]
found = Project(policy_file=Path(policy), is_own=False, trusted=TrustedProjects(Path(record)))
sys.stdin.read()
for number in range(5):
    with found.editing() as edit:
        edit.set_tool(f"tool-{me}-{number}", "./x.wasm", ["clock"])
"""


def test_editors_in_processes_lose_nothing(tmp_path: Path) -> None:
    found = trust(project(tmp_path))
    record = own_directories(tmp_path).trusted_projects
    children = [
        subprocess.Popen(
            [sys.executable, "-c", EDITOR, str(found.policy_file), str(record), str(me)],
            stdin=subprocess.PIPE,
        )
        for me in range(3)
    ]
    for child in children:  # all wait for this
        child.communicate(timeout=60)

    expected = {f"tool-{me}-{number}" for me in range(3) for number in range(5)}
    assert [child.returncode for child in children] == [0, 0, 0]
    assert found.policy().tools.keys() == expected | {"grep"}
    assert found.is_in_force


# The document


def edited(text: str, action: Any) -> str:
    edit = PolicyEdit(text, Lockfile())
    action(edit)
    return edit.text()


def test_comments_order_and_layout_survive_a_change() -> None:
    text = POLICY + "\n# The last one.\n[tools.\"awk\"]\nsource = 'a.wasm'\n\n# The end.\n"

    changed = edited(text, lambda edit: edit.set_tool("grep", "./new.wasm", ["random"]))

    for comment in ("# Who may do what.", "# searches", "# The last one.", "# The end."):
        assert comment in changed
    assert changed.index("grep") < changed.index("awk")
    assert "source = 'a.wasm'" in changed


def test_a_comment_inside_a_list_of_capabilities_survives_a_change() -> None:
    text = POLICY.replace(
        '["clock"]', '[\n  "clock",  # for the report\n  # and this:\n  "random",\n]'
    )

    for action in (
        lambda edit: edit.set_tool("grep", "./grep.wasm", ["clock", "random", "env=LANG"]),
        lambda edit: edit.set_allowed("grep", ["clock", "random", "env=LANG"]),
        lambda edit: edit.set_allowed("grep", ["clock"]),
    ):
        assert "# for the report" in edited(text, action)


def test_a_comment_after_a_list_of_capabilities_survives_a_change() -> None:
    assert "# stamps" in edited(POLICY, lambda edit: edit.set_allowed("grep", ["random"]))


def test_setting_a_tool_to_what_it_is_changes_nothing() -> None:
    assert edited(POLICY, lambda edit: edit.set_tool("grep", "./grep.wasm", ["clock"])) == POLICY


def test_setting_a_tool_allows_exactly_what_is_said_and_nothing_twice() -> None:
    changed = edited(
        POLICY, lambda edit: edit.set_tool("grep", "./x.wasm", ["random", "env=A=b", "random"])
    )

    entry = parse_policy(changed, file="p", base="/").tools["grep"]
    assert entry.source == "./x.wasm"
    assert [str(item) for item in entry.allow] == ["random", "env=A=b"]


def test_a_tool_that_is_removed_is_gone() -> None:
    text = edited(POLICY, lambda edit: edit.remove_tool("grep"))

    assert parse_policy(text, file="p", base="/").tools == {}
    assert "# Who may do what." in text


def test_an_edit_says_what_is_allowed_as_it_is_written() -> None:
    edit = PolicyEdit(POLICY + '[tools.sed]\nsource = "x"\n', Lockfile())

    assert edit.allowed("grep") == ["clock"]
    assert edit.allowed("sed") == []


def test_an_edit_replaces_what_is_allowed() -> None:
    text = edited(POLICY, lambda edit: edit.set_allowed("grep", ["random", "env=A=b"]))

    entry = parse_policy(text, file="p", base="/").tools["grep"]
    assert [str(item) for item in entry.allow] == ["random", "env=A=b"]


@pytest.mark.parametrize(
    "text",
    [
        POLICY,
        POLICY + "[tools.grep.limits]\nfuel = 5 # little\n",
        'version = 1\ntools.grep.source = "g"\n',
        'version = 1\ntools = { grep = { source = "g" } }\n',
        'version = 1\n[tools.grep]\nsource = "g"\ncompiler = "cranelift" # fast\n',
    ],
)
def test_compiler_and_isolation_are_written_wherever_the_entry_stands(text: str) -> None:
    before = parse_policy(text, file="p", base="/").tools["grep"]

    hosting = Hosting(compiler="winch", isolation="worker")
    changed = edited(text, lambda edit: edit.set_hosting("grep", hosting))

    after = parse_policy(changed, file="p", base="/").tools["grep"]
    said = replace(before, compiler="winch", isolation="worker")
    assert after == replace(said, allow_lines=after.allow_lines)
    assert changed.count("#") == text.count("#")


def test_an_isolation_is_taken_away_and_one_that_is_not_there_is_no_trouble() -> None:
    text = 'version = 1\n[tools.grep]\nsource = "g"\n'
    unsaid = Hosting(isolation="unsaid")

    for spelled in (text, f'{text}isolation = "thread"\n'):
        assert edited(spelled, lambda edit: edit.set_hosting("grep", unsaid)) == text


def test_a_tool_is_pinned_and_unpinned() -> None:
    edit = PolicyEdit(POLICY, Lockfile())

    edit.pin("grep", locked())
    assert edit.lock.tools.keys() == {"grep"}
    edit.unpin("grep")
    assert edit.lock.tools == {}


@pytest.mark.parametrize("text", ["version = ", "a = 1\na = 1", "[a\n", "a = " + "[" * 2000])
def test_what_is_not_toml_cannot_be_edited(text: str) -> None:
    assert complaint(lambda: PolicyEdit(text, Lockfile())).code == "config.syntax"


NAMES = ("grep", "sed", "awk")
ALLOWED = ("clock", "random", "env=LANG", "env=MODE=a")
entries = st.fixed_dictionaries(
    {"allow": st.lists(st.sampled_from(ALLOWED), max_size=3, unique=True)},
    optional={"fuel": st.integers(1, 99)},
)
layouts = st.sampled_from(("table", "dotted", "inline", "apart"))


def as_toml(name: str, entry: dict[str, Any], layout: str) -> str:
    """An entry in one of the ways to write it."""
    allow = ", ".join(f'"{text}"' for text in entry["allow"])
    fuel = entry.get("fuel")
    if layout == "inline":
        limits = "" if fuel is None else f", limits = {{ fuel = {fuel} }}"
        return f'tools.{name} = {{ source = "{name}", allow = [{allow}]{limits} }}\n'
    if layout == "dotted":
        limits = "" if fuel is None else f"tools.{name}.limits.fuel = {fuel}\n"
        return f'tools.{name}.source = "{name}"\ntools.{name}.allow = [{allow}]\n{limits}'
    limits = "" if fuel is None else f"[tools.{name}.limits]\nfuel = {fuel}\n"
    own_table = f'[tools.{name}]\nsource = "{name}"\nallow = [\n  # why\n  {allow}\n]\n'
    return limits + own_table if layout == "apart" else own_table + limits


@patient
@given(
    st.dictionaries(st.sampled_from(NAMES), st.tuples(entries, layouts), max_size=3),
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(ALLOWED), max_size=2, unique=True),
)
def test_a_change_means_what_was_meant_however_the_policy_is_written(
    written: dict[str, tuple[dict[str, Any], str]], name: str, allow: list[str]
) -> None:
    at_root = [item for item in written.items() if item[1][1] in ("inline", "dotted")]
    in_tables = [item for item in written.items() if item not in at_root]
    text = "version = 1\n" + "".join(
        as_toml(key, entry, layout) for key, (entry, layout) in at_root + in_tables
    )
    try:
        before = parse_policy(text, file="p", base="/").tools
    except ConfigError:
        return  # a table that dotted keys opened cannot be opened again

    changed = edited(text, lambda edit: edit.set_tool(name, "./new.wasm", allow))

    after = parse_policy(changed, file="p", base="/").tools
    assert {str(item) for item in after[name].allow} == set(allow)
    assert after[name].source == "./new.wasm"
    assert after.keys() == before.keys() | {name}
    for other in before:
        assert after[other].limits == before[other].limits
        if other != name:
            assert (after[other].source, after[other].allow) == (
                before[other].source,
                before[other].allow,
            )


# Finding


def found_from(start: Path, tmp_path: Path, config: Path | None = None) -> Found:
    return find_project(start, own_directories(tmp_path), config=config)


def test_without_any_project_the_users_own_policy_applies(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()

    found = found_from(tmp_path / "work", tmp_path)

    assert found.project.is_own
    assert found.project.policy_file == own_directories(tmp_path).config / "hatchway.toml"
    assert found.passed_over == ()


def test_the_nearest_trusted_project_upward_applies(tmp_path: Path) -> None:
    outer = trust(project(tmp_path, name="a"))
    inner = trust(project(tmp_path, name="a/b"))
    (inner.base / "c").mkdir()

    assert found_from(inner.base / "c", tmp_path).project.policy_file == inner.policy_file
    assert found_from(outer.base, tmp_path).project.policy_file == outer.policy_file


def test_a_project_that_is_not_trusted_is_passed_over_and_named(tmp_path: Path) -> None:
    outer = trust(project(tmp_path, name="a"))
    inner = project(tmp_path, name="a/b")

    found = found_from(inner.base, tmp_path)

    assert found.project.policy_file == outer.policy_file
    assert [item.policy_file for item in found.passed_over] == [inner.policy_file]


def test_only_projects_nearer_than_the_one_in_force_are_passed_over(tmp_path: Path) -> None:
    project(tmp_path, name="a")
    inner = trust(project(tmp_path, name="a/b"))

    assert found_from(inner.base, tmp_path).passed_over == ()


def test_a_directory_called_like_a_policy_is_no_policy(tmp_path: Path) -> None:
    (tmp_path / "work" / "hatchway.toml").mkdir(parents=True)

    assert found_from(tmp_path / "work", tmp_path).project.is_own


def test_the_users_own_policy_is_not_a_project_of_the_directory_it_lies_in(tmp_path: Path) -> None:
    change(own(tmp_path))

    found = found_from(own(tmp_path).base, tmp_path)

    assert found.project.is_own
    assert found.passed_over == ()


def test_a_policy_may_be_named(tmp_path: Path) -> None:
    named = project(tmp_path)

    for config in (named.policy_file, named.base):
        found = found_from(tmp_path, tmp_path, config)
        assert found.project.policy_file == named.policy_file
        assert not found.project.is_own


def test_naming_a_policy_is_not_trusting_it(tmp_path: Path) -> None:
    named = project(tmp_path)

    assert not found_from(tmp_path, tmp_path, named.policy_file).project.is_in_force


def test_a_named_policy_is_found_from_the_working_directory(tmp_path: Path) -> None:
    named = project(tmp_path)

    found = found_from(named.base, tmp_path, named.policy_file.relative_to(named.base))

    assert found.project.policy_file == named.policy_file


def test_a_policy_that_is_named_and_not_there_is_the_operators_problem(tmp_path: Path) -> None:
    error = complaint(lambda: found_from(tmp_path, tmp_path, tmp_path / "nowhere.toml"))

    assert error.code == "config.unreadable"
    assert error.message == f"there is no policy {str(tmp_path / 'nowhere.toml')!r}"


def test_naming_ones_own_policy_keeps_it_ones_own(tmp_path: Path) -> None:
    mine = own(tmp_path)
    change(mine)

    assert found_from(tmp_path, tmp_path, mine.policy_file).project.is_own


def test_a_link_to_ones_own_policy_beside_another_lockfile_is_not_ones_own(tmp_path: Path) -> None:
    mine = own(tmp_path)
    change(mine)
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / "hatchway.toml").symlink_to(mine.policy_file)
    (evil / "hatchway.lock").write_text(Lockfile(tools={"sed": locked()}).to_text())

    found = found_from(tmp_path, tmp_path, evil)

    assert not found.project.is_in_force or found.project.lock_file == mine.lock_file


def test_the_complaint_about_a_project_says_whether_it_was_ever_trusted(tmp_path: Path) -> None:
    never = project(tmp_path, name="a")
    once = trust(project(tmp_path, name="b"))

    assert untrusted(never).message.endswith("is not trusted")
    assert untrusted(once).message.endswith("was changed since it was trusted")
