"""HW-SEC-003: what the binary tells about the machine it was built on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hatchway.audit.claims import MAX_SHOWN
from hatchway.audit.data_text import data_extents, places_of
from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.subject import Subject

_HOMES = (b"/home/", b"/Users/", b":\\Users\\")
_PERSON = re.compile(rb"(?:/home/|/Users/|:\\Users\\)[A-Za-z0-9_.-]{1,32}(?=[/\\])")
_LINKS = ("sourceMappingURL", "external_debug_info")


def check(subject: Subject) -> Iterable[Found]:
    """At most one finding each for home directories, debug sections and links to sources."""
    homes = _homes(subject)
    if homes:
        yield Found(
            message=f"It contains paths below {len(homes)} home directories of its builders.",
            about="home directories",
            evidence=tuple(
                Evidence(kind="binary", detail=printable(home), offset=at)
                for home, at in list(homes.items())[:MAX_SHOWN]
            ),
        )
    customs = subject.artifact.all_customs
    debug = [section for section in customs if section.name.startswith(".debug_")]
    if debug:
        size = sum(len(section.payload) for section in debug)
        yield Found(
            message=f"It carries {size} bytes of debug information.",
            about="debug information",
            evidence=tuple(
                Evidence(kind="binary", detail=printable(section.name), offset=section.offset)
                for section in debug[:MAX_SHOWN]
            ),
            remediation="wasm-tools strip FILE -o FILE",
        )
    links = [section for section in customs if section.name in _LINKS]
    if links:
        yield Found(
            message="It points to debug information or sources elsewhere.",
            about="links",
            evidence=tuple(
                Evidence(
                    kind="binary",
                    detail=f"{section.name}: {printable(section.payload, limit=120)}",
                    offset=section.offset,
                )
                for section in links[:MAX_SHOWN]
            ),
        )


def _homes(subject: Subject) -> dict[bytes, int]:
    """Home directories in data and custom sections, each with the first place."""
    sections = tuple(
        (section.offset, section.offset + len(section.payload))
        for section in subject.artifact.all_customs
    )
    homes: dict[bytes, int] = {}
    for text in _HOMES:
        for at in places_of(subject.data, text, (*data_extents(subject.artifact), *sections)):
            if match := _PERSON.match(subject.data, at):
                homes.setdefault(match[0], at)
    return homes


RULE = Rule(
    id="HW-SEC-003",
    title="Traces of the build machine",
    severity="info",
    confidence="medium",
    axis="secrets",
    detects=(
        "Paths below home directories in data and custom sections, debug sections, and links to "
        "source maps or debug information."
    ),
    why=(
        "It tells an attacker names of people and machines, and makes the artifact larger. It "
        "does not change what the tool can do."
    ),
    remediation="Build with paths remapped (`--remap-path-prefix`, `-ffile-prefix-map`).",
    cwe=(497, 615),
    check=check,
)
