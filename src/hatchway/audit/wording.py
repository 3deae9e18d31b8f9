"""Wording by which a description speaks to a model instead of describing a tool.

One table. The patterns are for precision: each names a thing that no honest description of a
tool has to say. They find the attacks that were published word for word and their near
relatives. A poisoned description in words of its own passes them, which is why no finding is
no assurance; `docs/audits/text-checks.md` has the figures for both.

Every repetition is bounded and every run of word characters is possessive, so that no text
makes a pattern slow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.audit.folding import fold, with_digits_as_letters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.audit.finding import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One kind of wording.

    Attributes:
        id: Stable; a part of a finding's fingerprint.
        what: What the text does, for the message: "the description … ".
        regex: Matched against the folded text (`hatchway.audit.folding`), which is lower
            case, without emphasis, and has one space or line feed between words; against the
            original where `is_literal`.
        why: What the wording is for, in an attack.
        severity: Of a finding.
    """

    id: str
    what: str
    regex: re.Pattern[str]
    why: str
    severity: Severity = "high"
    is_literal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Where in a text a pattern was found; positions in the original."""

    pattern: Pattern
    start: int
    end: int


def _words(most: int) -> str:
    """Up to `most` words of one sentence, and the space after each."""
    return rf"(?:\S{{1,30}}+(?<![.;:!?])\s){{0,{most}}}"


_FEW, _SOME, _MANY = _words(2), _words(4), _words(6)


def _folded(*alternatives: str) -> re.Pattern[str]:
    """A pattern in which a space stands for any gap between words, a line's end included."""
    return re.compile("|".join(alternatives).replace(" ", r"\s"), re.ASCII)


_GUIDANCE = r"(?:instructions?|prompts?|guidelines|directives?|guardrails|safeguards)\b"
_ORDERS = rf"(?:{_GUIDANCE}|rules\b|polic(?:y|ies)\b|restrictions\b|messages?\b)"
_SET_ASIDE = (
    r"(?:ignore|disregard|forget|pay no attention to|stop following|do not follow|don't follow)"
)
_BEFORE = (
    r"(?:previous|prior|earlier|above|preceding|former|foregoing|existing|original|system|safety"
    r"|security|developer)"
)
_FETCHED = (
    r"(?:,? or \S{1,20}+)? (?:contained|embedded|found|returned|inside|within|in|from|that|which"
    r"|it|they|you (?:find|see))\b"
)
_TOOLS = r"(?:tools?|functions?|servers?)\b"
_PERSON = r"(?:user|human|person|operator|end-user|customer|developer|people|anyone|anybody)"
_CALLING = r"(?:using|calling|invoking|running|executing)"
_CALL = r"(?:(?:be )?(?:called|used|invoked|run|executed)|call|use|invoke|run|execute)"
_GIVE = (
    r"(?:send|sends|post|upload|forward|transmit|append|include|pass|attach|copy|submit|provide"
    r"|put|paste|write|supply|embed|insert|encode)"
)
_TAKE_OUT = r"(?:send|upload|forward|transmit|leak|exfiltrate|append|attach|embed|encode|copy)"
_READ = (
    r"(?:(?:read|open|load|fetch|send|include|access|retrieve|copy|check|upload|collect|extract)s?"
    r"|cat|get|pass|contents? of|look (?:into|in|at))"
)
_KEYS = (
    r"(?:\.ssh\b|\bid (?:rsa|ed25519|ecdsa)\b|\.aws/credentials|/etc/(?:passwd|shadow)\b|\.gnupg\b"
    r"|\.netrc\b|\.git-credentials|\.pypirc\b|\.docker/config|\.cursor/mcp|\.bash history"
    r"|wallet\.dat\b|claude desktop config)"
)

KEY_FILE = _folded(_KEYS)
"""Files that hold keys and passwords, wherever a folded text names them."""

PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        id="override.instructions",
        what="tells its reader to set instructions aside",
        regex=_folded(
            rf"\b{_SET_ASIDE} {_FEW}{_BEFORE} {_FEW}{_ORDERS}",
            rf"\b{_SET_ASIDE} {_FEW}{_ORDERS} (?:above|before this|so far|until now)\b",
            # Servers that fetch warn of what they fetch: "ignore any instructions in it".
            rf"\b{_SET_ASIDE} {_FEW}(?:other|all|any|every|your) {_FEW}{_ORDERS}(?!{_FETCHED})",
            rf"\b(?:override|overrule|bypass|supersede)s? {_FEW}(?:{_BEFORE}|your) {_FEW}"
            rf"{_GUIDANCE}",
        ),
        why="the direct form of prompt injection",
    ),
    Pattern(
        id="override.precedence",
        what="claims to stand above other instructions or tools",
        regex=_folded(
            rf"\b(?:takes?|taking|has|have) {_FEW}(?:precedence|priority) over {_FEW}"
            rf"(?:{_GUIDANCE}|rules\b|requests?\b|{_TOOLS})"
        ),
        why="makes a model prefer the description to what the person asked for",
    ),
    Pattern(
        id="override.persona",
        what="gives its reader a new role",
        regex=_folded(
            r"\byou are (?:now (?:an?|in|the|free|acting)\b|no longer\b)",
            r"\bfrom now on,? you (?:will|are|must|should|shall)\b",
            rf"\b(?:act|behave|pretend|respond) as (?:if|though) {_FEW}(?:no|without) {_FEW}"
            r"(?:restrictions|rules|limits|filters)\b",
        ),
        why="a persona carries instructions past a model's own",
    ),
    Pattern(
        id="override.new",
        what="announces instructions for its reader",
        regex=_folded(
            r"\b(?:new|real|actual|true|hidden|secret|updated) (?:instructions?|task|objective"
            r"|directives?|orders) ?(?::|(?:is|are) (?:to|as follows)\b|for (?:you|the (?:ai"
            r"|assistant|model|agent))\b)"
        ),
        why="opens the part of a text that is meant to be obeyed",
    ),
    Pattern(
        id="conceal.person",
        what="asks that something be kept from the person",
        regex=_folded(
            rf"\b(?:do not|don't|never|must not|should not|shouldn't|without|avoid|refrain from) "
            rf"{_FEW}(?:tell|mention|inform|notify|reveal|disclos|alert|report|explain)"
            rf"(?:e|ing|ying)? {_SOME}{_PERSON}s?\b",
            rf"\b(?:do not|don't|never|avoid) {_FEW}(?:mention|reveal|disclos|bring|talk)"
            r"(?:e|ing)?(?: up| about)? (?:this|these|that you|any of this)\b",
            rf"\bwithout {_FEW}{_PERSON}(?:'?s)? (?:knowledge|noticing|awareness|knowing|being "
            r"(?:aware|told|informed))\b",
            rf"\b{_PERSON}s? (?:must|should|need|needs|may|will|shall) ?(?:not|never|n't) "
            r"(?:to )?(?:know|notice|be (?:told|informed|aware)|learn|find out|suspect)\b",
        ),
        why="what is done for a person need not be hidden from them",
    ),
    Pattern(
        id="conceal.secretly",
        what="asks that something be done in secret",
        regex=_folded(
            r"\b(?:silently|secretly|covertly|quietly|stealthily|surreptitiously) (?:send|forward"
            r"|copy|include|append|read|upload|pass|collect|attach|transmit|bcc|exfiltrate)\b",
            r"\bkeep (?:this|it|that|them) (?:a )?(?:secret|hidden|confidential)\b",
        ),
        why="what is done for a person need not be hidden from them",
    ),
    Pattern(
        id="coerce.first",
        what="wants to be called before tools that are not its own",
        regex=_folded(
            rf"\b(?:before|prior to|ahead of) (?:{_CALLING} |the use of )?(?:any|all|every|each) "
            rf"(?:other )?{_FEW}{_TOOLS}",
            rf"\b(?:must|always|required to|have to|shall) {_FEW}{_CALL} {_SOME}before {_FEW}"
            rf"(?:any|all|every|each)(?: other)? {_FEW}{_TOOLS}",
        ),
        why="a tool that runs first sees, and can shape, everything that follows",
        severity="medium",
    ),
    Pattern(
        id="coerce.instead",
        what="talks its reader out of using other tools",
        regex=_folded(
            rf"\b(?:do not|don't|never) (?:use|call|invoke|trust|rely on) (?:any|all)"
            rf"(?: other)? {_FEW}{_TOOLS}",
            rf"\b(?:instead of|rather than) (?:any|all|every) other {_FEW}{_TOOLS}",
        ),
        why="moves calls from tools that were chosen to one that was not",
        severity="medium",
    ),
    Pattern(
        id="coerce.unasked",
        what="asks that nobody be asked",
        regex=_folded(
            rf"\b(?:do not|don't|never|without) {_FEW}(?:ask|prompt|request|wait|seek)(?:ing)? "
            rf"{_SOME}(?:confirmation|confirm|permission|approval|approve|consent)\b"
        ),
        why="the person's approval is the last line of defence of most clients",
        severity="medium",
    ),
    Pattern(
        id="exfil.conversation",
        what="asks for the conversation or the system prompt",
        regex=_folded(
            rf"\b{_GIVE} {_SOME}(?:(?:entire|full|whole|complete|previous|prior) {_FEW}"
            r"(?:conversation|chat|dialogue?|transcript)\b|(?:conversation|chat|message) history\b"
            r"|(?:system|developer) (?:prompt|message)\b)"
        ),
        why="arguments leave the conversation; what is put there reaches the tool's author",
    ),
    Pattern(
        id="exfil.secrets",
        what="asks for secrets to be passed on",
        regex=_folded(
            rf"\b{_TAKE_OUT} {_SOME}(?:credentials?|secrets?|private keys?|ssh keys?|passwords"
            rf"|api ?keys|access tokens|environment variables|env vars|cookies) {_SOME}"
            r"(?:to|into|as|in|via|inside|with) "
        ),
        why="arguments leave the conversation; what is put there reaches the tool's author",
    ),
    Pattern(
        id="exfil.secret-file",
        what="speaks of reading files that hold keys",
        regex=_folded(rf"\b{_READ} {_MANY}\S{{0,60}}?{_KEYS}"),
        why="another tool of the same client may be able to read them",
    ),
    Pattern(
        id="exfil.image",
        what="has an image loaded from elsewhere",
        regex=re.compile(r"!\[[^\]\n]{0,80}\]\(\s?https?://", re.IGNORECASE),
        why="a client that draws it tells the image's host, and its address can carry data",
        severity="medium",
        is_literal=True,
    ),
    Pattern(
        id="frame.tag",
        what="has a tag that frames text as somebody else's",
        regex=_folded(
            r"< ?/? ?(?:important|system|hidden|critical|admin|assistant|system[ -]?(?:prompt"
            r"|message|instructions?|note)|secret instructions?|instructions?|human|override"
            r"|urgent|function calls?|tool call|antml:\w{1,20})(?: [^<>\n]{0,60})? ?/?>"
        ),
        why="models give text in such tags more weight than a description has",
    ),
    Pattern(
        id="frame.role",
        what="has a marker that makes text look like another speaker's",
        regex=_folded(
            r"(?:^|\n)(?:#{1,4} )?(?:system|assistant)(?: (?:prompt|message|note|instructions?))?"
            r" ?:",
            r"\[/?(?:inst|system|system message|system prompt)\]|<</?sys>>",
            r"<\|(?:im (?:start|end)|system|user|assistant|endoftext|begin of text|eot id"
            r"|start header id|end header id)\|>",
        ),
        why="the conversation's own format, forged",
    ),
    Pattern(
        id="frame.reader",
        what="addresses the model apart from the person",
        regex=_folded(
            r"\b(?:attention|note|message|memo|instructions?|notice)(?: to| for)? (?:the |all |any "
            r")?(?:ai|llm|language) ?(?:models?|assistants?|agents?)? ?:",
        ),
        why="says that what follows is not for the person who reviews it",
        severity="medium",
    ),
    Pattern(
        id="hide.comment",
        what="has a comment that rendered text does not show",
        regex=re.compile(r"<!--|^\[//\]: ?#|\[comment\]: ?#", re.MULTILINE),
        why="a person who sees the text rendered does not see it; a model does",
        is_literal=True,
    ),
    Pattern(
        id="hide.base64",
        what="carries a long run of base64",
        regex=re.compile(
            r"(?<![A-Za-z0-9+/_-])(?=[A-Za-z+/_-]{0,40}[0-9])(?=[A-Z0-9+/_-]{0,40}[a-z])"
            r"(?=[a-z0-9+/_-]{0,40}[A-Z])[A-Za-z0-9+/_-]{120,}+={0,2}"
        ),
        why="models read base64; people do not",
        is_literal=True,
    ),
    Pattern(
        id="hide.escapes",
        what="carries text as a run of numeric escapes",
        regex=re.compile(
            r"(?:\\x[0-9a-fA-F]{2}){12}|(?:\\u[0-9a-fA-F]{4}){12}|(?:%[0-9a-fA-F]{2}){20}"
            r"|(?:&#x?[0-9a-fA-F]{2,6};){12}"
        ),
        why="models read such escapes; people do not",
        is_literal=True,
    ),
)
"""In the order of the documentation."""


def wording(text: str) -> Iterator[Match]:
    """The first match of each pattern in `text`."""
    folded = fold(text)
    readings = (folded.text, *sorted(with_digits_as_letters(folded.text)))
    for pattern in PATTERNS:
        if pattern.is_literal:
            if found := pattern.regex.search(text):
                yield Match(pattern=pattern, start=found.start(), end=found.end())
            continue
        for reading in readings:
            if found := pattern.regex.search(reading):
                start, end = folded.span(found.start(), found.end())
                yield Match(pattern=pattern, start=start, end=end)
                break
