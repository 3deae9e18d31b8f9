"""Secrets that a command writes. No shell reads it, and nothing of what it says is told."""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from hatchway.egress.secret_complaints import exposed, missing, require_unshared, why

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.policy.secrets import SecretRule

MAX_OUTPUT_BYTES = 1 << 16
COMMAND_SECONDS = 10.0

_PASSED_ON = (
    # What programs need to find their own files and the user's session.
    *("HOME", "PATH", "LANG", "LC_ALL", "USER", "LOGNAME"),
    *("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"),
)


class _StoppedError(Exception):
    """The command was stopped; the text says why."""


def output_of(rule: SecretRule, environment: Mapping[str, str], seconds: float) -> bytes:
    """What the command of `rule` writes to standard output.

    It gets no input and few variables. It, and whatever it started, is stopped when it takes
    longer than `seconds`, or writes more than `MAX_OUTPUT_BYTES`.

    Raises:
        ConfigError: It does not end well, or others could have written it.
    """
    words = shlex.split(rule.source)
    _require_sound_program(rule, words[0])
    passed_on = {name: environment[name] for name in _PASSED_ON if name in environment}
    try:
        # Its complaints are not kept, as they may quote what it knows.
        process = subprocess.Popen(  # noqa: S603 - the operator's own words; no shell
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"PATH": os.defpath} | passed_on,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise missing(rule, why(error, "started")) from error
    try:
        output, status = _finished(process, time.monotonic() + seconds)
    except (_StoppedError, subprocess.TimeoutExpired) as error:
        reason = str(error) if isinstance(error, _StoppedError) else "did not end in time"
        raise missing(rule, reason) from None
    if status:
        ended = f"exited with {status}" if status > 0 else f"was ended by signal {-status}"
        raise missing(rule, ended)
    return output


def _finished(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, int]:
    """What the command wrote and how it ended. It does not outlive this."""
    assert process.stdout is not None
    try:
        with process.stdout as stream:
            output = _output(stream, deadline)
        return output, process.wait(max(0.0, deadline - time.monotonic()))
    except BaseException:
        # Nobody has waited for it yet, so its number is still its own. What became another
        # user meanwhile cannot be killed, and is not waited for.
        with contextlib.suppress(PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        raise


def _output(stream: IO[bytes], deadline: float) -> bytes:
    poll = select.poll()
    poll.register(stream, select.POLLIN)
    output = b""
    while len(output) <= MAX_OUTPUT_BYTES:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            message = "did not end in time"
            raise _StoppedError(message)
        piece = os.read(stream.fileno(), 1 << 16)
        if not piece:
            return output
        output += piece
    message = f"wrote more than {MAX_OUTPUT_BYTES} bytes"
    raise _StoppedError(message)


def _require_sound_program(rule: SecretRule, program: str) -> None:
    """Refuse a program that others could have written."""
    try:
        real = Path(program).resolve(strict=True)
        found, around = real.stat(), real.parent.stat()
    except (OSError, ValueError) as error:
        raise missing(rule, why(error)) from error
    if found.st_uid not in (os.geteuid(), 0) or found.st_mode & stat.S_IWOTH:
        raise exposed(rule, "others may change the program", hint=None)
    require_unshared(rule, around, str(real.parent))
