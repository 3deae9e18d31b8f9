"""The `logs` tool as a plain program: the same counts, with all the rights of its user."""

import collections
import json
import re
import sys

_LINE = re.compile(r" *(\d{4}-\d\d-\d\d[T:.Z+\-,\d]{0,30}) +([A-Z]+) +([^ ]{1,39}):(?: |$)")
_LEVELS = {"TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "CRITICAL", "FATAL"}


def _ranked(names):
    counts = sorted(collections.Counter(names).items(), key=lambda item: (-item[1], item[0]))
    return [{"name": name, "count": count} for name, count in counts]


text = json.load(sys.stdin)["text"]
lines = [line for line in (line.removesuffix("\r") for line in text.split("\n")) if line]
matches = [match for match in map(_LINE.match, lines) if match and match[2] in _LEVELS]
times = [match[1] for match in matches]
json.dump(
    {
        "lines": len(lines),
        "unrecognised": len(lines) - len(matches),
        "first": min(times, default=""),
        "last": max(times, default=""),
        "levels": _ranked(match[2] for match in matches),
        "components": _ranked(match[3] for match in matches),
    },
    sys.stdout,
)
