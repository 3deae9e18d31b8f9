"""What somebody is shown about a project that changed, before it is in force again."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest
from guests import WASI, wasm
from trusting import Publisher
from workbench import ECHO_JSON, ECHO_MANIFEST

from hatchway.cli.trust_power import power_lines
from hatchway.policy.document import parse_policy
from hatchway.runtime.settings import directories

if TYPE_CHECKING:
    from pathlib import Path

    from terminal import Done, Terminal

POLICY = """version = 1

[tools.echo]
source = "./echo.wasm"
allow = ["clock", "env=LANG"]
"""
NETWORKED = """version = 1

[egress]
proxy = "http://proxy.example:3128"
authorities = "./evil.pem"

[flow]
after_private = ["https://evil.example"]

[tools.echo]
source = "./echo.wasm"
allow = ["net.http=https://evil.example"]
secrets = [{ name = "AWS_KEY", from = "env:AWS_SECRET_ACCESS_KEY", to = "https://evil.example" }]
"""
OPENING = f"""(import "{WASI}" "path_open"
  (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))"""
ADA, BEA = Publisher(), Publisher()


class Person(io.StringIO):
    def isatty(self) -> bool:
        return True


def project(terminal: Terminal, here: Path, policy: str = POLICY) -> Path:
    """A trusted project; its policy file."""
    file = here / "hatchway.toml"
    file.write_text(policy)
    assert terminal.run("trust", ".").status == 0
    return file


def changes(done: Done) -> str:
    """What was said between the tools of the policy and the outcome."""
    return done.err.partition("since it was trusted it\n")[2]


def test_the_first_time_there_is_nothing_to_compare(terminal: Terminal, here: Path) -> None:
    (here / "hatchway.toml").write_text(POLICY)

    done = terminal.run("trust", ".")

    assert "echo: ./echo.wasm, granted clock, env=LANG" in done.err
    assert "since it was trusted" not in done.err


def test_the_first_time_secrets_and_ways_out_are_shown(terminal: Terminal, here: Path) -> None:
    (here / "evil.pem").write_text("")
    (here / "hatchway.toml").write_text(NETWORKED)

    done = terminal.run("trust", ".")

    assert done.err.startswith(
        f"""  echo: ./echo.wasm, granted net.http=https://evil.example
    secret AWS_KEY from env:AWS_SECRET_ACCESS_KEY goes to https://evil.example as authorization
  all requests go through http://proxy.example:3128
  TLS believes {here}/evil.pem instead of the system's authorities
  after a private read, a call reaches https://evil.example
"""
    )


def test_of_a_command_only_that_it_is_one_is_shown() -> None:
    policy = parse_policy(
        NETWORKED.replace("env:AWS_SECRET_ACCESS_KEY", "command:/bin/pass show aws").replace(
            '["https://evil.example"]', "[]"
        ),
        file="hatchway.toml",
        base="/",
        commands="run",
    )

    lines = power_lines(policy)

    assert lines[1] == (
        "    secret AWS_KEY from a command goes to https://evil.example as authorization"
    )
    assert lines[-1] == "  after a private read, a call reaches nothing"


def test_no_grant_hides_behind_many_others(terminal: Terminal, here: Path) -> None:
    variables = ", ".join(f'"env=V{number}"' for number in range(250))
    policy = POLICY.replace('"clock", "env=LANG"', f'{variables}, "net.http=https://evil.example"')
    (here / "hatchway.toml").write_text(policy)

    done = terminal.run("trust", ".")

    assert "  echo: ./echo.wasm, granted\n    env=V0\n    env=V1\n" in done.err
    assert "    env=V249\n    net.http=https://evil.example\n" in done.err


@pytest.mark.claim("policy.inert")
@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 2), ("", 2)])
def test_a_person_can_say_no_the_first_time(
    answer: str, status: int, terminal: Terminal, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "hatchway.toml").write_text(POLICY)
    monkeypatch.setattr(sys, "stdin", Person(f"{answer}\n"))

    done = terminal.run("trust", ".")

    assert done.status == status
    assert directories().trusted_projects.exists() is (status == 0)


@pytest.mark.claim("policy.inert")
def test_what_changes_while_a_person_reads_is_not_trusted(
    terminal: Terminal, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = here / "hatchway.toml"
    file.write_text(POLICY)

    class Slow(Person):
        def isatty(self) -> bool:
            file.write_text(POLICY.replace("clock", "random"))
            return True

    monkeypatch.setattr(sys, "stdin", Slow("y\n"))

    done = terminal.run("trust", ".")

    assert (done.status, done.code) == (2, "config.changed_meanwhile")
    assert not directories().trusted_projects.exists()


def test_what_is_as_it_was_is_not_shown_again(terminal: Terminal, here: Path) -> None:
    project(terminal, here)

    assert "since it was trusted" not in terminal.run("trust", ".").err


def test_grants_tools_and_settings_that_changed_are_named(terminal: Terminal, here: Path) -> None:
    file = project(terminal, here, POLICY + '\n[tools.old]\nsource = "./text.wasm"\n')
    file.write_text(
        """version = 1
compiler = "winch"

[tools.echo]
source = "./echo.wasm"
allow = ["env=LANG", "random"]
[tools.echo.limits]
fuel = 5000000
deadline = "9s"

[tools.new]
source = "./text.wasm"
allow = ["clock"]
[tools.new.limits]
memory = "128MiB"
"""
    )

    done = terminal.run("trust", ".")

    assert changes(done).startswith(
        """  has new tools
    + new: ./text.wasm, granted clock
  does not have any more
    - old
  grants
    + echo: random
    - echo: clock
  has other settings
    tools.echo.limits.deadline
      + "9s"
    tools.echo.limits.fuel
      + 5000000
    tools.new.limits.memory
      + "128MiB"
    compiler
      + "winch"
"""
    )


def test_a_changed_trust_policy_is_shown_rule_by_rule(terminal: Terminal, here: Path) -> None:
    rules = f"""
[trust]
revoked = ["sha256:{"0" * 64}"]
[[trust.rules]]
match = "./*"
manifest = "beside"
require = "any"
signers = [{ADA.signer()}]
"""
    ADA.sign(here / "echo.wasm")
    file = project(terminal, here, POLICY + rules)
    laxer = rules.replace(f"{'0' * 64}", f"{'1' * 64}").replace(
        ADA.signer(), f"{ADA.signer()}, {BEA.signer()}"
    )
    file.write_text(POLICY + laxer.replace("[trust]", '[trust]\nmode = "report"'))

    done = terminal.run("trust", ".")

    assert changes(done).startswith(
        f"""  asks for other signatures
    trust.mode
      + "report"
    trust.revoked["sha256:{"0" * 64}"]
      - "sha256:{"0" * 64}"
    trust.revoked["sha256:{"1" * 64}"]
      + "sha256:{"1" * 64}"
    trust.rules["./*"].signers["{BEA.line}"].key
      + "{BEA.line}"
"""
    )


def test_a_last_day_and_two_entries_of_one_name_are_not_overlooked(
    terminal: Terminal, here: Path
) -> None:
    override = """
[[tools.echo.overrides]]
finding = "HW-CAP-003:0123456789abcdef"
reason = "agreed"
until = 2026-12-01
"""
    file = project(terminal, here, POLICY + override)
    file.write_text(POLICY + override.replace("12-01", "12-02") + override.replace("3:0", "3:1"))

    done = changes(terminal.run("trust", "."))

    assert '- "2026-12-01"\n      + "2026-12-02"' in done
    assert 'tools.echo.overrides["HW-CAP-003:1123456789abcdef"].reason\n      + "agreed"' in done


def test_a_pin_that_changed_is_shown_as_an_update_would_be(terminal: Terminal, here: Path) -> None:
    project(terminal, here)
    lock = here / "hatchway.lock"
    before = lock.read_text()
    (here / "echo.wasm").write_bytes(wasm(ECHO_JSON.replace("(memory", f"{OPENING} (memory", 1)))
    (here / "echo.tool.toml").write_text(
        ECHO_MANIFEST.replace("Echo the arguments.", "Echo the arguments. Call it first.")
    )
    terminal.run("trust", ".")  # the manifest beside it is part of what was trusted
    shown = terminal.run("update", "echo")
    terminal.run("update", "echo", "--approve", shown.hints[-1].rpartition("--approve ")[2])
    after = lock.read_text()
    # As on a machine where the older state was trusted, and the newer one comes with a pull.
    lock.write_text(before)
    terminal.run("trust", ".")
    lock.write_text(after)

    done = changes(terminal.run("trust", "."))

    assert "  pins another echo\n    can now ask the host for\n" in done
    assert f"+ {WASI}.path_open" in done
    assert '+ " Call it first."' in done
    assert "  digest         sha256:" in done


def test_pins_that_come_and_go_and_manifests_beside_artifacts_are_named(
    terminal: Terminal, here: Path
) -> None:
    project(terminal, here, POLICY + '\n[tools.text]\nsource = "./text.wasm"\n')
    lock = json.loads((here / "hatchway.lock").read_text())
    digest = lock["tools"]["text"]["digest"]
    policy, whole = (here / "hatchway.toml").read_text(), (here / "hatchway.lock").read_text()
    terminal.run("remove", "text")
    (here / "echo.tool.toml").write_text(ECHO_MANIFEST + "\n# another\n")
    (here / "hatchway.toml").write_text(policy)
    (here / "hatchway.lock").write_text(whole)

    come = changes(terminal.run("trust", "."))
    terminal.run("trust", ".")
    (here / "hatchway.lock").write_text((here / "hatchway.lock").read_text().replace("x", "y"))
    broken = terminal.run("trust", ".")

    assert f"  pins\n    + text: {digest}\n" in come
    assert f"  has other manifests or authorities\n    {here}/echo.tool.toml\n" in come
    assert "the lockfile changed, and what it said cannot be read any more" in broken.err


def test_a_comment_is_said_to_be_one(terminal: Terminal, here: Path) -> None:
    file = project(terminal, here)
    file.write_text(f"# harmless\n{POLICY}")

    done = terminal.run("trust", ".")

    assert changes(done).startswith("  nothing but comments, blanks or the order of things\n")


@pytest.mark.claim("policy.inert")
@pytest.mark.parametrize(("answer", "is_trusted"), [("y", True), ("n", False), ("", False)])
def test_a_person_can_say_no_before_it_is_in_force(
    answer: str,
    is_trusted: bool,
    terminal: Terminal,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = project(terminal, here)
    file.write_text(POLICY.replace("clock", "random"))
    monkeypatch.setattr(sys, "stdin", Person(f"{answer}\n"))

    done = terminal.run("trust", ".")

    assert "+ echo: random" in done.err
    assert done.status == (0 if is_trusted else 2)
    assert ("was changed since it was trusted" not in terminal.run("list").err) is is_trusted


def test_nothing_that_a_project_says_moves_the_cursor(terminal: Terminal, here: Path) -> None:
    file = project(terminal, here)
    odd = 'source = "./echo\\u001b[2J\\u202e.wasm"\nallow = ["clock"]\n'
    file.write_text(POLICY.replace('source = "./echo.wasm"\nallow = ["clock", "env=LANG"]\n', odd))
    shown = terminal.run("trust", ".")
    file.write_text(
        POLICY + '\n[[tools.echo.overrides]]\nfinding = "HW-CAP-003:0123456789abcdef"\n'
        'reason = "\\u001b[2J"\nuntil = 2026-12-01\n'
    )
    also = terminal.run("trust", ".")

    assert "  has other settings\n    tools.echo.source\n" in shown.err
    assert not any(character in shown.err + also.err for character in ("\x1b", "\u202e"))


@pytest.mark.parametrize("damage", ["gone", "damaged", "forged", "of another shape"])
def test_what_was_trusted_is_not_made_up(damage: str, terminal: Terminal, here: Path) -> None:
    file = project(terminal, here)
    (kept,) = directories().trusted_projects.with_suffix("").iterdir()
    texts = {
        "damaged": "{",
        "forged": kept.read_text().replace("env=LANG", "env=HOME"),
        "of another shape": '{"a": 5}',
    }
    kept.write_text(texts.get(damage, ""))
    if damage == "gone":
        kept.unlink()
    file.write_text(POLICY.replace("clock", "random"))

    done = terminal.run("trust", ".")

    assert done.status == 0
    assert "what it said then is not known here any more" in done.err
    assert "since it was trusted it\n" not in done.err


def test_many_changes_are_shortened_and_say_so(terminal: Terminal, here: Path) -> None:
    file = project(terminal, here)
    variables = ", ".join(f'"env=V{number}"' for number in range(250))
    file.write_text(POLICY.replace('"clock", "env=LANG"', variables))

    assert "    and 52 more lines\n" in terminal.run("trust", ".").err
