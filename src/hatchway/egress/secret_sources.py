"""Where the values of secrets come from: a variable, a file, the system's keyring, a command.

They are read once, when a policy is loaded. No message here holds a value, nor anything that a
command said; nothing is logged.
"""

from __future__ import annotations

import os
import shlex
import stat
import threading
from typing import TYPE_CHECKING, Any

from hatchway.core.errors import ConfigError
from hatchway.core.secret import Secret
from hatchway.core.secret_forms import MIN_SECRET_BYTES
from hatchway.core.untrusted import printable
from hatchway.egress.secret_commands import COMMAND_SECONDS, output_of
from hatchway.egress.secret_complaints import exposed, missing, require_unshared, source_of, why

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.policy.secrets import SecretRule

MAX_SECRET_BYTES = 8192
"""What servers take as one header field."""
MAX_FILE_BYTES = 1 << 16
KEYRING_SECONDS = 30.0
"""Long enough to type the password of a locked one."""

_FEWEST_CHARACTERS = 4
_KEYRINGS = frozenset(
    f"keyring.backends.{name}"
    for name in ("SecretService", "libsecret", "kwallet", "macOS", "Windows")
)
"""Those of the system, which encrypt. Any other may be a file that everybody reads."""
_CHAIN = "keyring.backends.chainer"


def resolve(
    rule: SecretRule,
    environment: Mapping[str, str],
    *,
    command_seconds: float = COMMAND_SECONDS,
    keyring_seconds: float = KEYRING_SECONDS,
) -> Secret:
    """The value of the secret that `rule` is about.

    A value is 8 to 8192 characters of visible ASCII, spaces inside included, and at least four
    different ones: a header field must be able to hold it, and it must be told from other text
    where it comes back.

    Args:
        rule: The secret, as the policy states it.
        environment: The host's variables.
        command_seconds: How long a command may take.
        keyring_seconds: How long the keyring may take.

    Raises:
        ConfigError: `config.missing_secret` when there is no value, `config.secret_exposed` when
            others could read or change it, `config.unfit_secret` when it is not one, or
            `config.no_keyring`.
    """
    match rule.kind:
        case "env":
            text = environment.get(rule.source, "")
            return _fitting(rule, text.encode("utf-8", "surrogatepass"))
        case "file":
            return _fitting(rule, _without_newline(_from_file(rule)))
        case "keyring":
            text = _from_keyring(rule, keyring_seconds)
            return _fitting(rule, text.encode("utf-8", "surrogatepass"))
        case "command":
            output = output_of(rule, environment, command_seconds)
            return _fitting(rule, _without_newline(output))


def _fitting(rule: SecretRule, value: bytes) -> Secret:
    if not value:
        raise missing(rule, "is empty" if rule.kind != "env" else "is not set, or empty")
    if complaint := _unfit(value):
        message = f"the value of the secret {rule.name}, from {source_of(rule)}, {complaint}"
        hint = f"put a value there of {MIN_SECRET_BYTES} characters or more, all visible ASCII"
        raise ConfigError(message, code="config.unfit_secret", hint=hint)
    return Secret(value.decode("ascii"))


def _unfit(value: bytes) -> str | None:
    """What is wrong with a value, in words that give nothing of it away."""
    if len(value) < MIN_SECRET_BYTES:
        # It would be found in texts that have nothing to do with it.
        return f"has fewer than {MIN_SECRET_BYTES} characters"
    if len(value) > MAX_SECRET_BYTES:
        return f"has more than {MAX_SECRET_BYTES} characters"
    if any(not 0x20 <= byte < 0x7F for byte in value):
        return "holds a line break, a control character or one that is not ASCII"
    if value != value.strip():
        return "begins or ends with a space"
    if len(set(value)) < _FEWEST_CHARACTERS:
        return f"has fewer than {_FEWEST_CHARACTERS} different characters, like a placeholder"
    return None


def _without_newline(data: bytes) -> bytes:
    return data.removesuffix(b"\n").removesuffix(b"\r") if data.endswith(b"\n") else data


# Files


def _from_file(rule: SecretRule) -> bytes:
    place, name = os.path.split(rule.source)
    try:
        directory = os.open(place, os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", 0))
    except (OSError, ValueError) as error:
        raise missing(rule, why(error)) from error
    try:
        require_unshared(rule, os.fstat(directory), place)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(name, flags, dir_fd=directory)
    except (OSError, ValueError) as error:
        raise missing(rule, why(error)) from error
    finally:
        os.close(directory)
    try:
        _require_own(rule, os.fstat(descriptor))
        return _read_file(rule, descriptor)
    finally:
        os.close(descriptor)


def _read_file(rule: SecretRule, descriptor: int) -> bytes:
    data = b""
    while len(data) <= MAX_FILE_BYTES:
        piece = os.read(descriptor, MAX_FILE_BYTES + 1 - len(data))
        if not piece:
            return data
        data += piece
    raise missing(rule, f"is larger than {MAX_FILE_BYTES} bytes")


def _require_own(rule: SecretRule, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise missing(rule, "is no regular file")
    if found.st_uid not in (os.geteuid(), 0):
        raise exposed(rule, "it belongs to another user", hint="make a file of your own")
    if stat.S_IMODE(found.st_mode) & 0o077:
        file = shlex.quote(printable(rule.source))
        raise exposed(rule, "others may read or change it", hint=f"chmod 600 {file}")


# The keyring


def _from_keyring(rule: SecretRule, seconds: float) -> str:
    service, _, user = rule.source.rpartition("/")
    answer: list[str | Exception | None] = []

    def ask() -> None:
        try:
            answer.append(_ask_keyring(rule, service, user))
        except Exception as error:  # noqa: BLE001 - the top of this thread
            answer.append(error)

    # A keyring that is locked waits for a person, who may not be there.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    match answer:
        case []:
            raise missing(rule, f"gave no answer in {seconds:g} seconds; is the keyring locked?")
        case [ConfigError() as error]:
            raise error
        case [Exception() as error]:
            # Its own words stay out: backends are free to put anything into them.
            raise missing(rule, f"cannot be read: {type(error).__name__}")
        case [str(value)]:
            return value
        case _:
            return ""


def _ask_keyring(rule: SecretRule, service: str, user: str) -> str | None:
    try:
        import keyring
    except ImportError as error:
        message = f"the secret {rule.name} is in the keyring, which takes another package to read"
        hint = "pip install 'hatchway[keyring]'"
        raise ConfigError(message, code="config.no_keyring", hint=hint) from error
    chosen: Any = keyring.get_keyring()
    chain = chosen.backends if type(chosen).__module__ == _CHAIN else (chosen,)
    backends = [backend for backend in chain if type(backend).__module__ in _KEYRINGS]
    if not backends:
        found = printable(f"{type(chosen).__module__}.{type(chosen).__qualname__}")
        message = f"the secret {rule.name} is in the keyring, and {found} is none of the system's"
        hint = "start a Secret Service or KWallet, or take the secret from file: or command:"
        raise ConfigError(message, code="config.no_keyring", hint=hint)
    answers = (backend.get_password(service, user) for backend in backends)
    return next((found for found in answers if found is not None), None)
