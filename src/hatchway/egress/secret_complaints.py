"""What is said when a secret cannot be had: which one and where from, and nothing of its value."""

from __future__ import annotations

import errno
import shlex
import stat
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    import os

    from hatchway.policy.secrets import SecretRule


def source_of(rule: SecretRule) -> str:
    """Where it comes from, as far as may be told: the words of a command may be secret too."""
    told = shlex.split(rule.source)[0] + " …" if rule.kind == "command" else rule.source
    return f"'{rule.kind}:{printable(told)}'"


def missing(rule: SecretRule, reason: str) -> ConfigError:
    """`config.missing_secret`: there is no value, for a reason that follows the source."""
    message = f"there is no value for the secret {rule.name}: {source_of(rule)} {reason}"
    return ConfigError(message, code="config.missing_secret", hint=_next_step(rule))


def exposed(rule: SecretRule, reason: str, *, hint: str | None) -> ConfigError:
    """`config.secret_exposed`: others could read it, or put another one there."""
    message = f"the secret {rule.name} is not taken from {source_of(rule)}: {reason}"
    return ConfigError(message, code="config.secret_exposed", hint=hint)


def _next_step(rule: SecretRule) -> str:
    match rule.kind:
        case "env":
            return (
                f"set {rule.source} where Hatchway is started; MCP clients pass few variables on, "
                "so a file is surer: from = 'file:FILE'"
            )
        case "file":
            return f"(umask 077; cat > {shlex.quote(printable(rule.source))})"
        case "keyring":
            service, _, user = rule.source.rpartition("/")
            words = (shlex.quote(printable(service)), shlex.quote(printable(user)))
            return f"keyring set {' '.join(words)}"
        case "command":
            return "run it by hand: it writes the secret, and nothing else, to standard output"


def why(error: OSError | ValueError, done: str = "read") -> str:
    """Why something of the file system cannot be used, in words that follow its name."""
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return "is a link; name the file that it leads to"
    words = error.strerror if isinstance(error, OSError) else str(error)
    return f"cannot be {done}: {words}"


def require_unshared(rule: SecretRule, found: os.stat_result, place: str) -> None:
    """Refuse a directory in which others could put something else in its place."""
    if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        directory = shlex.quote(printable(place))
        reason = "everybody may write to the directory that it is in"
        raise exposed(rule, reason, hint=f"chmod o-w {directory}")
