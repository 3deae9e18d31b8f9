"""The `summary` tool as a plain program: the same words, with all the rights of its user."""

import json
import sys


def _sources(components):
    if not components:
        return ""
    first, second, *others = (*components, *[None] * 2)[: max(2, len(components))]
    text = f" Most come from {first['name']} ({first['count']})"
    if second:
        text += f", then {second['name']} ({second['count']})"
    if others:
        has = "other has" if len(others) == 1 else "others have"
        text += f"; {len(others)} {has} {sum(item['count'] for item in others)}"
    return text + "."


counts = json.load(sys.stdin)
total = counts["lines"]
text = f"{total} {'line' if total == 1 else 'lines'}"
if counts.get("first"):
    text += f" from {counts['first']} to {counts['last']}"
if counts["levels"]:
    text += ": " + ", ".join(f"{item['count']} {item['name']}" for item in counts["levels"])
text += "." + _sources(counts["components"])
if missed := counts.get("unrecognised", 0):
    text += f" {missed} {'line was' if missed == 1 else 'lines were'} not recognised."
json.dump({"text": text}, sys.stdout)
