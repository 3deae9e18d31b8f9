"""HW-TXT-003: names that are taken for others, and words about other people's tools."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.audit.folding import fold, fold_name, mixes_alphabets, skeleton
from hatchway.audit.unseen import excerpt, visibly
from hatchway.audit.visible import manifest_values, visible_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hatchway.audit.subject import Subject
    from hatchway.audit.visible import VisibleText

OF_AN_ENTRY = "entry "
"""How `about` begins when the name of a whole policy entry is taken for another's."""

_SENTENCE_END = re.compile(r"[.;:!?]\s|\n")
_ABOUT_IT = re.compile(
    r"\b(?:must|always|never|do not|don't|instead of|rather than|before|after|when|whenever|every "
    r"time|deprecated|broken|unreliable|unsafe|change|replace|replaces|redirect)\b"
)
_KIND = "(?:tool|function|server|command)"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Name:
    """A name of one of the artifact's own tools, and where it stands."""

    name: str
    evidence: Evidence


def check(subject: Subject) -> Iterable[Found]:
    """Names first, then what descriptions say about the tools of others."""
    names = _own_names(subject)
    yield from _among_themselves(names)
    yield from _of_others(subject, names)
    texts = [item for item in visible_texts(subject).items if item.reader == "model"]
    yield from _mixed_alphabets(texts)
    yield from _about_others(_names_of_others(subject, names), texts)


def _own_names(subject: Subject) -> tuple[_Name, ...]:
    """As clients would call them; of the manifest where it names any, else of the binary."""
    tables = manifest_values(subject).get("tools")
    named = [
        _Name(
            name=f"{subject.name}.{table['name']}",
            evidence=Evidence(
                kind="manifest",
                detail=f"'{excerpt(table['name'], 0, 120)}'",
                field=("tools", index, "name"),
            ),
        )
        for index, table in enumerate(tables if isinstance(tables, list) else ())
        if isinstance(table, dict) and isinstance(table.get("name"), str)
    ]
    said = {item.name for item in named}
    named += [
        _Name(
            name=tool.name,
            evidence=Evidence(kind="text", detail=visibly(tool.name), field=("name",)),
        )
        for tool in subject.tools
        if tool.name not in said and (not named or tool.function is not None)
    ]
    return tuple(named)


def _among_themselves(names: Iterable[_Name]) -> Iterator[Found]:
    looks: dict[str, _Name] = {}
    for item in names:
        first = looks.setdefault(skeleton(item.name), item)
        if first is item:
            continue
        yield Found(
            message=(
                f"Two of its tools are easily taken for each other: {visibly(first.name)} and "
                f"{visibly(item.name)}."
            ),
            about=f"{visibly(first.name)} {visibly(item.name)}",
            evidence=(first.evidence, item.evidence),
            severity="medium",
        )


def _of_others(subject: Subject, names: Iterable[_Name]) -> Iterator[Found]:
    """Names of this artifact's that look like those of another entry."""
    owners = {skeleton(neighbour.owner): neighbour.owner for neighbour in subject.neighbours}
    if (taken := owners.get(skeleton(subject.name))) is not None:
        yield Found(
            message=f"The entry {visibly(subject.name)} is easily taken for {visibly(taken)}.",
            about=f"{OF_AN_ENTRY}{visibly(taken)}",
            evidence=(Evidence(kind="text", detail=f"also installed: {visibly(taken)}"),),
        )
        return
    listed = {
        skeleton(tool.name): tool.name
        for neighbour in subject.neighbours
        for tool in neighbour.tools
    }
    for item in names:
        short = item.name.removeprefix(f"{subject.name}.")
        dotted = listed.get(skeleton(short), "")
        other = listed.get(skeleton(item.name)) or (dotted if "." in dotted else None)
        if other is not None:
            yield Found(
                message=(
                    f"The tool {visibly(item.name)} is easily taken for {visibly(other)}, "
                    "which is another entry's."
                ),
                about=f"{visibly(item.name)} {visibly(other)}",
                evidence=(item.evidence,),
            )


def _mixed_alphabets(texts: Iterable[VisibleText]) -> Iterator[Found]:
    """Tool and parameter names in which a letter stands for one of another alphabet."""
    for item in texts:
        is_name = item.is_key or item.field[-1:] == ("name",)
        if is_name and mixes_alphabets(item.text):
            reads = visibly(fold(item.text).text, limit=80)
            yield Found(
                message=f"{item.described} is not the plain '{reads}' that it looks like.",
                about=f"{item.about}: look-alike letters",
                evidence=(item.evidence(ascii(item.text[:80])),),
            )


def _about_others(names: dict[str, str], texts: Iterable[VisibleText]) -> Iterator[Found]:
    """Descriptions that say how tools of other entries should be used, or not."""
    for item in texts:
        if item.is_key or not names:
            continue
        told = {other for sentence in _sentences(item.text) for other in _named(sentence, names)}
        for other in sorted(told):
            yield Found(
                message=(
                    f"{item.described} gives instructions about {visibly(other)}, which "
                    "is another entry's."
                ),
                about=f"{item.about}: {visibly(other)}",
                evidence=(item.evidence(excerpt(item.text, 0, 120)),),
            )


def _names_of_others(subject: Subject, own: Iterable[_Name]) -> dict[str, str]:
    """How the tools of other entries may be spoken of, and whose name it is.

    Names that could be ordinary words count where the text calls them a tool.
    """
    mine = {fold_name(subject.name)}
    for item in own:
        mine |= {fold_name(item.name), fold_name(item.name.removeprefix(f"{subject.name}."))}
    names: dict[str, str] = {}
    for neighbour in subject.neighbours:
        names.setdefault(fold_name(neighbour.owner), neighbour.owner)
        for tool in neighbour.tools:
            short = tool.name.removeprefix(f"{neighbour.owner}.")
            for name in (tool.name, short):
                names.setdefault(fold_name(name), tool.name)
    return {name: other for name, other in names.items() if name not in mine and len(name) > 2}


def _sentences(text: str) -> Iterator[str]:
    """The sentences of a text that tell somebody to do something."""
    for sentence in _SENTENCE_END.split(fold(text).text):
        if _ABOUT_IT.search(sentence):
            yield sentence


def _named(sentence: str, names: dict[str, str]) -> Iterator[str]:
    for name, other in names.items():
        if name in sentence and re.search(_spoken_of(name), sentence):
            yield other


def _spoken_of(name: str) -> str:
    exact = rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])"
    if name.isalnum():
        return rf"{exact} {_KIND}\b|\b{_KIND} {exact}"
    return exact


RULE = Rule(
    id="HW-TXT-003",
    title="Shadowed or confusable tools",
    severity="high",
    confidence="medium",
    axis="text",
    detects=(
        "Tool names that look like each other, or like those of another policy entry, once case, "
        "separators, look-alike letters and digits are put aside; names that mix alphabets; "
        "descriptions that say when or how another entry's tool is to be used."
    ),
    why=(
        "A model chooses by name and description. A tool that looks like a trusted one gets its "
        "calls and their arguments, and words about a trusted tool change what is sent to it."
    ),
    remediation="Give the tool a name of its own, and speak of no other entry's tools.",
    cwe=(1007, 694),
    owasp=("MCP03", "MCP09"),
    check=check,
    limits=(
        "Only tools of the same policy are known; a client may list tools of other servers. "
        "Look-alikes are a selection of Unicode's list."
    ),
)
