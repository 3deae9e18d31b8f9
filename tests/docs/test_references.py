"""What the reference pages list is what there is: no more, no less."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
import typer.main
from terminal import Terminal
from trust_proofs import TRUST_PROOFS

from hatchway.cli.main import app
from hatchway.core.capability import CAPABILITY_NAMES
from hatchway.core.egress import EgressLimits
from hatchway.core.errors import HatchwayError
from hatchway.core.events import EventName
from hatchway.core.limits import GIBIBYTE, Limits
from hatchway.core.surface import Compiler
from hatchway.engine.compiling import CompileBudgets
from hatchway.policy.document import LIMIT_KEYS, parse_policy
from hatchway.policy.manifest import parse_manifest_toml
from hatchway.policy.mapping import MEDIA_TYPES
from hatchway.policy.network import EGRESS_KEYS
from hatchway.policy.units import parse_bytes, parse_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
SOURCES = sorted((REPOSITORY / "src").rglob("*.py"))
EVERYWHERE = {"--help", "--json"}
"""Options that the page explains once."""


def section(text: str, heading: str) -> str:
    return text.partition(f"\n## {heading}")[2].partition("\n## ")[0]


# Commands


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("COLUMNS", "200")
    return Terminal(capsys)


def command_line() -> Any:
    return typer.main.get_command(app)


def long_options(command: Any) -> set[str]:
    names = {name for parameter in command.params for name in parameter.opts}
    return {name for name in names if name.startswith("--")} - EVERYWHERE


def documented_options(text: str) -> set[str]:
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `-")]
    return set(re.findall(r"--[a-z-]+", " ".join(rows))) - EVERYWHERE


def test_every_command_has_its_section() -> None:
    headings = re.findall(r"^## hatchway (\S+)", (DOCS / "cli.md").read_text(), re.MULTILINE)

    assert sorted(headings) == sorted(command_line().commands)


@pytest.mark.parametrize("name", sorted(command_line().commands))
def test_every_option_is_in_its_commands_section(name: str) -> None:
    described = section((DOCS / "cli.md").read_text(), f"hatchway {name}")

    assert documented_options(described) == long_options(command_line().commands[name])


@pytest.mark.parametrize("name", sorted(command_line().commands))
def test_every_argument_is_in_its_commands_heading(terminal: Terminal, name: str) -> None:
    headings = re.findall(r"^## hatchway (.*)$", (DOCS / "cli.md").read_text(), re.MULTILINE)

    usage = terminal.run(name, "--help").out.splitlines()[0].removeprefix("Usage: hatchway ")

    # Whether a name is optional is said with brackets here and braces there.
    spelled = re.sub(r"[{}\[\]]|\.\.\.", "", usage.replace(" [OPTIONS]", ""))
    assert spelled in [re.sub(r"[{}\[\]]", "", heading) for heading in headings]


def test_the_options_before_a_command_are_documented() -> None:
    before = (DOCS / "cli.md").read_text().partition("\n## ")[0]

    assert documented_options(before) == long_options(command_line()) | {
        "--install-completion",
        "--show-completion",
    }


# Errors, events, capabilities, limits


def constants() -> Iterator[str]:
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_every_code_of_an_error_is_documented_and_no_other() -> None:
    code = re.compile(r"(?:guest|call|admission|registry|config)\.[a-z_]+")
    events = set(get_args(EventName))
    used = {value for value in constants() if code.fullmatch(value)} - events
    used |= {each.code for each in subclasses(HatchwayError)}

    page = (DOCS / "errors.md").read_text().partition("| Code |")[2]
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    listed = set(re.findall(r"`([a-z]+\.[a-z_]+)`", " ".join(rows)))

    # Files that Codex and docker read have names that look like codes.
    assert listed == (used | {"capability.denied"}) - {"config.toml", "config.json", "internal"}


def subclasses(kind: type[HatchwayError]) -> Iterator[type[HatchwayError]]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


def test_every_event_is_documented_and_no_other() -> None:
    listed = set(re.findall(r"^\| (`[^|]*`) \|", (DOCS / "events.md").read_text(), re.MULTILINE))
    names = {name for row in listed for name in re.findall(r"`([a-z]+\.[a-z_]+)`", row)}

    assert names == set(get_args(EventName))


def test_every_capability_is_documented_and_no_other() -> None:
    power = section((DOCS / "policy.md").read_text(), "Power: one grammar")
    rows = [line.split("|")[1] for line in power.splitlines() if line.startswith("| `")]

    assert set(re.findall(r"`([a-z.]+)`", " ".join(rows))) == set(CAPABILITY_NAMES)


def test_every_limit_is_documented_with_its_default() -> None:
    table = section((DOCS / "policy.md").read_text(), "Limits")
    rows = re.findall(r"^\| `([a-z_]+)` \| ([^|]*) \|", table, re.MULTILINE)
    defaults = Limits()

    said = {key: value.strip().strip("`") for key, value in rows}

    assert set(said) == set(LIMIT_KEYS) | {"scratch"}
    assert parse_seconds(said["deadline"]) == defaults.deadline_seconds
    assert parse_bytes(said["memory"]) == defaults.memory_bytes
    assert parse_bytes(said["output"]) == defaults.output_bytes
    for key in ("fuel", "table_elements", "instances", "host_calls", "inner_calls", "inner_fuel"):
        assert int(said[key].replace(",", "")) == getattr(defaults, key)


def test_every_limit_of_requests_is_documented_with_its_default_and_range() -> None:
    page = section((DOCS / "policy.md").read_text(), "Network")
    rows = re.findall(r"^\| `([a-z_]+)` \| ([^|]*) \| ([^|]* to [^|]*) \|$", page, re.MULTILINE)
    defaults = EgressLimits()

    assert {key for key, _, _ in rows} == set(EGRESS_KEYS)
    for key, default, spelled in rows:
        written = default.strip("`")
        value = int(written) if written.isdecimal() else written
        assert EGRESS_KEYS[key].parse(value) == getattr(defaults, EGRESS_KEYS[key].attribute)
        assert spelled.replace("`", "") == EGRESS_KEYS[key].spelled


def test_what_the_reference_says_about_the_network_is_a_policy() -> None:
    page = section((DOCS / "policy.md").read_text(), "Network")
    text = "version = 1\n" + "\n".join(reversed(re.findall(r"```toml\n(.*?)```", page, re.DOTALL)))

    policy = parse_policy(text, file="policy.md", base="/srv")

    assert policy.flow is not None
    assert [rule.name for rule in policy.tools["weather"].secrets] == ["API_KEY"]


@pytest.mark.parametrize("compiler", get_args(Compiler))
def test_the_budget_of_every_compiler_is_documented(compiler: Compiler) -> None:
    table = section((DOCS / "policy.md").read_text(), "The compiler")
    (row,) = re.findall(rf"^\| `{compiler}` \| (.*) \|$", table, re.MULTILINE)
    budget = getattr(CompileBudgets(), compiler)

    assert row.startswith(
        f"{budget.cpu_seconds} CPU-seconds, {budget.wall_seconds:g} s, "
        f"{budget.memory_bytes // GIBIBYTE} GiB"
    )


def test_every_media_type_of_a_result_is_documented_and_no_other() -> None:
    page = section((DOCS / "manifest.md").read_text(), "Files")
    rows = re.findall(r"^\| `(image|audio|resource)` \| (.*) \|$", page, re.MULTILINE)
    said = {kind: set(re.findall(r"`([^`]+)`", names)) for kind, names in rows}
    said["resource"] |= said["image"] | said["audio"]

    assert said == {kind: set(names) for kind, names in MEDIA_TYPES.items()}


def test_the_manifest_with_files_in_the_reference_is_one() -> None:
    page = section((DOCS / "manifest.md").read_text(), "Files")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)

    (tool,) = parse_manifest_toml(text, file="manifest.md").tools

    assert (len(tool.files), len(tool.results)) == (2, 3)


def test_the_trust_policy_in_the_reference_is_one_and_every_key_of_it_is_listed() -> None:
    page = (DOCS / "trust.md").read_text()
    (text,) = re.findall(r"```toml\n(version.*?)```", page, re.DOTALL)
    rows = set(re.findall(r"^\| `([a-z_]+)`", section(page, "The keys"), re.MULTILINE))

    trust = parse_policy(text, file="trust.md", base="/srv/project").trust

    assert [rule.match for rule in trust.rules] == ["oci://ghcr.io/acme/*", "./tools/*"]
    named = {key for path in TRUST_PROOFS for key in path.split(".")} - {"trust", "issuer"}
    assert rows == named
    assert "`identity`, `issuer`" in page


# Claims, decisions, links


def claimed() -> set[str]:
    text = section((DOCS / "security-model.md").read_text(), "You can rely on")
    return set(re.findall(r"\*\(([a-z.-]+)\)\*", text))


def proven() -> dict[str, list[str]]:
    tests: dict[str, list[str]] = {}
    for file in sorted((REPOSITORY / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.claim"):
                (name,) = (each.value for each in node.args if isinstance(each, ast.Constant))
                tests.setdefault(str(name), []).append(f"{file.name}:{node.lineno}")
    return tests


def test_every_claim_has_tests_and_every_marked_test_a_claim() -> None:
    assert set(proven()) == claimed()


@pytest.mark.parametrize(
    "file", sorted(DOCS.rglob("*.md")), ids=lambda file: file.relative_to(DOCS).as_posix()
)
def test_every_test_that_a_page_names_is_there(file: Path) -> None:
    named = re.findall(r"`([a-z_]+/test_[a-z0-9_]+\.py)`: ((?:`test_\w+`,? ?)+)", file.read_text())
    tests = REPOSITORY / "tests"

    missing = [
        (place, name)
        for place, names in named
        for name in re.findall(r"`(test_\w+)`", names)
        if f"def {name}(" not in (tests / place).read_text()
    ]

    assert missing == []


def test_every_decision_is_in_the_list() -> None:
    listed = re.findall(r"\]\((\d{4}-[a-z-]+\.md)\)", (DOCS / "decisions/README.md").read_text())

    assert sorted(listed) == sorted(file.name for file in (DOCS / "decisions").glob("0*.md"))


def test_every_runtime_dependency_has_its_reason() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    needed = {re.split(r"[<>=]", line)[0] for line in project["dependencies"]}
    page = (DOCS / "decisions" / "0002-dependencies.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]

    assert set(re.findall(r"`([a-z0-9-]+)`", " ".join(rows))) == needed


def test_every_shipped_example_is_there() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    shipped = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]

    assert [file for file in shipped if not (REPOSITORY / file).is_file()] == []


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(file, id=file.relative_to(REPOSITORY).as_posix())
        for file in [
            *REPOSITORY.glob("*.md"),
            *DOCS.rglob("*.md"),
            REPOSITORY / "examples/README.md",
        ]
    ],
)
def test_every_link_leads_somewhere(file: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", file.read_text())

    assert [link for link in links if not (file.parent / link).exists()] == []
