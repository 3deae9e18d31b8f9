"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from hatchway.core.capability import SocketAccess
from hatchway.core.errors import ConfigError
from hatchway.core.isolation import Isolation
from hatchway.core.limits import Limits
from hatchway.core.surface import Compiler
from hatchway.policy.document import LIMIT_KEYS, unsupported_reason
from hatchway.policy.grammar import parse_capability

if TYPE_CHECKING:
    from hatchway.compose import Application
    from hatchway.core.capability import Capability

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="CAPABILITY[=SCOPE]",
        help="Grant a capability, for example clock, env=LANG or "
        "'net.http=https://api.example.com;methods=GET'. Quote what has a ';'. May be repeated.",
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The tool's name in the policy.")]
CapabilityText = Annotated[
    str,
    typer.Argument(
        metavar="CAPABILITY",
        help="For example clock, env=LANG, env=MODE=fast or "
        "'net.http=https://api.example.com;methods=GET'. Quote what has a ';'.",
    ),
]
LimitOption = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="KEY=VALUE",
        help="Change a limit, for example fuel=1000000, deadline=2s or memory=128MiB.",
    ),
]

CompilerOption = Annotated[
    str | None,
    typer.Option(
        "--compiler",
        metavar="COMPILER",
        help="Pin the compiler: cranelift or winch. By default the one that fits.",
    ),
]
IsolationOption = Annotated[
    str | None,
    typer.Option(
        "--isolation",
        metavar="WHERE",
        help="Where it runs: in a thread of Hatchway's, or in a worker process of its own. "
        "By default a worker for what may use the network.",
    ),
]


class Chosen:
    """What the options before the command say."""

    config: Path | None = None


def application(context: typer.Context) -> Application:
    """The application of this command, with a word about policies that are not in force."""
    from hatchway.cli.output import warn
    from hatchway.compose import open_application
    from hatchway.runtime.project import untrusted

    chosen = context.find_object(Chosen)
    opened = open_application(config=None if chosen is None else chosen.config)
    for project in opened.found.passed_over:
        error = untrusted(project)
        warn(f"{error.message}, so it is not in force ({error.hint})")
    return opened


def grantable(texts: list[str] | None) -> list[Capability]:
    """The capabilities of `--allow`, each of which this version can grant.

    Raises:
        ConfigError: One is misspelt, or cannot be granted yet.
    """
    return [grantable_capability(text) for text in texts or []]


def grantable_capability(text: str) -> Capability:
    """One capability that this version can grant.

    Raises:
        ConfigError: It is misspelt, or cannot be granted yet.
    """
    capability = parse_capability(text, side="allowed", base=str(Path.cwd()))
    if reason := unsupported_reason(capability):
        message = f"{text!r}: {reason}"
        hint = None
        if isinstance(capability, SocketAccess):
            hint = "net.http=https://HOST needs neither: Hatchway looks the name up itself"
        raise ConfigError(message, code="config.unsupported", hint=hint)
    return capability


def compiler_named(text: str | None) -> Compiler | None:
    """The compiler of `--compiler`.

    Raises:
        ConfigError: There is none of that name.
    """
    return cast("Compiler | None", _one_of("--compiler", get_args(Compiler), text))


def isolation_named(text: str | None) -> Isolation | None:
    """The isolation of `--isolation`.

    Raises:
        ConfigError: There is none of that name.
    """
    return cast("Isolation | None", _one_of("--isolation", get_args(Isolation), text))


def _one_of(option: str, known: tuple[str, ...], text: str | None) -> str | None:
    if text is not None and text not in known:
        message = f"{option} is one of {', '.join(known)}; got {text!r}"
        raise ConfigError(message)
    return text


def spelled_limits(texts: list[str] | None) -> dict[str, str | int]:
    """What `--limit KEY=VALUE` says, as a policy would spell it."""
    pairs = (text.partition("=") for text in texts or [])
    return {key: int(value) if value.isdigit() else value for key, _, value in pairs}


def limits(texts: list[str] | None) -> Limits:
    """The limits of `--limit KEY=VALUE`, the others as they are by default.

    Raises:
        ConfigError: A key is unknown, or a value lacks its unit or is out of range.
    """
    values: dict[str, object] = {}
    for key, written in spelled_limits(texts).items():
        text = f"{key}={written}"
        spec = LIMIT_KEYS.get(key)
        if spec is None:
            message = f"unknown limit {key!r}"
            hint = f"known are {', '.join(LIMIT_KEYS)}"
            raise ConfigError(message, code="config.unknown_key", hint=hint)
        try:
            parsed = spec.parse(written)
        except ValueError as error:
            raise ConfigError(f"--limit {text!r}: {error}") from error
        if not spec.smallest <= parsed <= spec.largest:
            message = f"--limit {text!r}: {key} lies between {spec.spelled}"
            raise ConfigError(message)
        values[spec.attribute] = parsed
    return Limits(**values)  # type: ignore[arg-type]  # every value was parsed by its own rule
