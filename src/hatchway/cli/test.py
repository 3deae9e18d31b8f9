"""`hatchway test`: an author's tests, each in the sandbox."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hatchway.cli.build import ProjectDirectory, built_tool
from hatchway.cli.options import Json, application, grantable
from hatchway.cli.output import plural, print_json, print_line, say
from hatchway.core.errors import CallError, ConfigError
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from hatchway.compose import Application
    from hatchway.core.capability import Capability
    from hatchway.runtime.building import BuiltTool
    from hatchway.runtime.trying import Tried
    from hatchway.sdk.calls import Calls


AllowLine = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="CAPABILITY[=SCOPE]",
        help="Let calls.toml grant this, which hands out something of this machine. "
        "Quote what has a ';'. May be repeated.",
    ),
]


def run_tests(
    context: typer.Context,
    directory: ProjectDirectory = Path(),
    allow: AllowLine = None,
    json: Json = False,
) -> int:
    """Build a project and run its tests: the calls of calls.toml, and functions in Python.

    A project grants itself nothing of your machine: what calls.toml grants of files, inherited
    variables, the network or other tools has to be repeated with --allow. Exits with 1 when a
    test fails.
    """
    project = directory.absolute()
    calls = read_calls(project)
    _check_grants(calls, project, grantable(allow), f"hatchway test {shlex.quote(str(directory))}")
    built = built_tool(directory)
    tried = _tried(application(context), project, built, calls)
    if not tried:
        message = f"there are no tests in {str(directory)!r}"
        hint = "write calls.toml; docs/sdk.md shows how"
        raise ConfigError(message, code="config.no_tests", hint=hint)
    failed = [each for each in tried if not each.is_good]
    if json:
        print_json(_to_json(built, tried))
    else:
        for each in tried:
            _print(each)
    say(f"{plural(len(tried), 'test')}, {len(failed)} failed")
    return CallError.exit_status if failed else 0


def _check_grants(calls: Calls, project: Path, given: list[Capability], command: str) -> None:
    from hatchway.runtime.project_grants import project_grants

    texts = [*calls.allow, *(text for call in calls.calls for text in call.allow)]
    granted = project_grants(texts, calls, project=project, given=given, command=command)
    for each in given:
        if each not in granted:
            message = f"--allow {printable(str(each))}: calls.toml does not grant that"
            hint = "it lets a line of calls.toml be; the line says which calls are granted it"
            raise ConfigError(message, hint=hint)


def read_calls(project: Path) -> Calls:
    """The calls that a project expects something of; none when there is no such file.

    Raises:
        ConfigError: They cannot be read.
    """
    from hatchway.runtime.manifests import read_sidecar
    from hatchway.sdk.calls import FILE_NAME, Calls, parse_calls

    file = project / FILE_NAME
    return parse_calls(read_sidecar(file), file=str(file)) if file.is_file() else Calls()


def _tried(opened: Application, project: Path, built: BuiltTool, calls: Calls) -> list[Tried]:
    from hatchway.runtime.trying import Trial

    trial = Trial(one_off=opened.one_off, project=project)
    found: list[Tried] = []
    if calls.calls:
        say(f"making {plural(len(calls.calls), 'call')}, each in a fresh sandbox")
        found += trial.calls(built, calls)
    if built.language == "python":
        found += _functions(opened, trial, project)
    return found


def _functions(opened: Application, trial: object, project: Path) -> list[Tried]:
    from hatchway.runtime.interpreters import ready
    from hatchway.runtime.trying import Trial
    from hatchway.sdk.languages.python import LOCK
    from hatchway.sdk.languages.python_tests import test_modules
    from hatchway.sdk.wheels import packages_of

    assert isinstance(trial, Trial)
    modules = test_modules(project)
    if not modules:
        return []
    say(f"running {', '.join(printable(name) for name in modules)} in the sandbox")
    interpreter = ready("python", directories=opened.directories, tell=say).read_bytes()
    lock = project / LOCK
    packages = packages_of(lock, say) if lock.is_file() else {}
    return list(trial.functions(interpreter, packages))


def _print(tried: Tried) -> None:
    print_line(f"{'ok    ' if tried.is_good else 'FAILED'}  {printable(tried.name, limit=200)}")
    for complaint in tried.complaints:
        for line in complaint.splitlines():
            print_line(f"        {printable(line, limit=400)}")
    if tried.output and not tried.is_good:
        print_line("        it printed:")
        for line in tried.output.splitlines():
            print_line(f"          {printable(line, limit=400)}")


def _to_json(built: BuiltTool, tried: list[Tried]) -> dict[str, object]:
    return {
        "ok": all(each.is_good for each in tried),
        "digest": built.report.digest,
        "tests": [
            {
                "name": each.name,
                "kind": each.kind,
                "ok": each.is_good,
                "complaints": list(each.complaints),
                "output": each.output,
            }
            for each in tried
        ],
    }
