"""Reading the event log: the records, and one line of words for each."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from hatchway.core.untrusted import harmless
from hatchway.telemetry.log import KEPT_FILES, rotated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_POLL_SECONDS = 0.2
_MAX_LINE_BYTES = 1 << 20


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """All records that are still kept, oldest first. Lines that are not JSON are skipped."""
    for number in range(KEPT_FILES, -1, -1):
        file = rotated(path, number) if number else path
        if file.exists():
            with file.open("rb") as stream:
                for line in stream:
                    yield from _record(line)


def follow_events(path: Path) -> Iterator[dict[str, Any]]:
    """Records that are written after this call, for ever.

    The place in the log is taken here, not when the first record is asked for.
    """
    stream = path.open("rb") if path.exists() else None
    if stream is not None:
        stream.seek(0, os.SEEK_END)
    return _following(path, stream)


def _following(path: Path, stream: BinaryIO | None) -> Iterator[dict[str, Any]]:
    pending = b""
    try:
        while True:
            # Asked before reading: what is written up to a rotation is read after it.
            is_newest = stream is not None and _is_newest(stream.fileno(), path)
            data = b"" if stream is None else stream.read()
            if data:
                *lines, pending = (pending + data).split(b"\n")
                pending = pending[-_MAX_LINE_BYTES:]
                for line in lines:
                    yield from _record(line)
            elif is_newest or not path.exists():
                time.sleep(_POLL_SECONDS)
            else:
                if stream is not None:
                    stream.close()
                stream, pending = path.open("rb"), b""
    finally:
        if stream is not None:
            stream.close()


def _is_newest(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _record(line: bytes) -> Iterator[dict[str, Any]]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return
    if isinstance(record, dict) and isinstance(record.get("unmapped"), dict):
        yield record


def one_line(record: dict[str, Any]) -> str:
    """A record in words: when, what, which tool, who, why.

    A log may have been written by anybody: whatever has an unexpected shape is left out.
    """
    own = _table(record["unmapped"].get("hatchway"))
    who = f"{own.get('tenant', '-')}/{own.get('subject', '-')}"
    parts = [
        _when(record.get("time", 0)),
        f"{own.get('event', '?')!s:<18}",
        str(own.get("tool", "-")),
        who,
        _what(record, own),
    ]
    # Whatever a file contains, a terminal shows it as plain text.
    return "  ".join(harmless(part, limit=500) for part in parts)


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _when(time_ms: Any) -> str:
    try:
        when = datetime.fromtimestamp(time_ms / 1000, UTC).astimezone()
    except (TypeError, ValueError, OverflowError, OSError):
        return "at an unknown time "
    return when.strftime("%Y-%m-%d %H:%M:%S")


def _what(record: dict[str, Any], own: dict[str, Any]) -> str:
    if http := _table(own.get("http")):
        return ", ".join(_requested(http))
    if own.get("event") == "secret.leak_blocked" and (leaked := _leaked(own)):
        return leaked
    said: list[str] = []
    if "attempted" in own:
        said.append(f"{own.get('capability', '?')} {own['attempted']}")
    elif own.get("capability"):
        said.append(str(own["capability"]))
    if "code" in own and own["code"] != "capability.denied":
        said.append(str(own["code"]))
    said += _used(_table(own.get("usage")))
    if own.get("denials"):
        said.append(f"{own['denials']} denied")
    frames = own.get("frames")
    if frames and isinstance(frames, list):
        said.append(f"in {frames[0]}")
    return ", ".join(said) or str(record.get("message", ""))


def _requested(http: dict[str, Any]) -> list[str]:
    """A request of a guest: what, where, what was decided and why, how much, how long."""
    said = [f"{http.get('method', '?')} {http.get('origin', '?')}"]
    came_of_it = http.get("status") or http.get("error")
    said.append(f"{http.get('decision', '?')} by {http.get('rule', '?')}")
    if came_of_it:
        said.append(str(came_of_it))
    if http.get("decision") == "allowed":
        said.append(f"{http.get('sent_bytes', '?')} B out, {http.get('received_bytes', '?')} B in")
    if isinstance(wall_us := http.get("wall_us"), int):
        said.append(f"{wall_us / 1000:.1f} ms")
    return said


def _leaked(own: dict[str, Any]) -> str:
    """Which secrets came back, and from where; empty where the record does not say."""
    details = _table(own.get("details"))
    secrets = details.get("secrets")
    names = ", ".join(map(str, secrets)) if isinstance(secrets, list) else ""
    if not names:
        return ""
    if "origin" in details:
        return f"{names} came back from {details['origin']}, taken out"
    return f"{names} taken out of the answer"


def _used(usage: dict[str, Any]) -> list[str]:
    said = []
    if isinstance(wall_us := usage.get("wall_us"), int):
        said.append(f"{wall_us / 1000:.1f} ms")
    if isinstance(fuel := usage.get("fuel"), int):
        said.append(f"fuel {fuel}")
    return said
