"""What secrets look like: a literal beginning, a shape, and proof that it is not a placeholder."""

from __future__ import annotations

import base64
import itertools
import json
import math
import re
import string
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_RUN = 8
"""Characters in a row, each one more than the last, that only a placeholder has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretShape:
    """One kind of secret.

    Attributes:
        kind: In words.
        starts: Literal beginnings, by which it is found.
        shape: All of it, from there; the group `body` is what must be random. Every repetition
            is bounded, so that no data makes it slow.
        has_spaces: It does not begin with a word of 20 characters that `data_text.words_in`
            would find.
        least_entropy: Bits a character of the body must carry at least.
        is_real: What its shape cannot say.
    """

    kind: str
    starts: tuple[bytes, ...]
    shape: re.Pattern[bytes]
    has_spaces: bool = False
    least_entropy: float = 3.5
    is_real: Callable[[bytes], bool] = bool


def secret_at(shape: SecretShape, data: bytes, at: int) -> bytes | None:
    """The secret of this shape that begins at `at`, or None."""
    match = shape.shape.match(data, at)
    if match is None:
        return None
    body = match["body"]
    if entropy(body) < shape.least_entropy or _is_placeholder(body) or not shape.is_real(match[0]):
        return None
    return match[0]


def entropy(text: bytes) -> float:
    """Shannon's bits a byte."""
    total = len(text)
    return -sum(count / total * math.log2(count / total) for count in Counter(text).values())


def _is_placeholder(body: bytes) -> bool:
    """Whether people wrote it to show where a secret goes."""
    if b"EXAMPLE" in body.upper() or b"XXXX" in body.upper():
        return True
    run = 1
    for first, second in itertools.pairwise(body):
        run = run + 1 if second == first + 1 else 1
        if run >= _RUN:
            return True
    return False


def _is_mixed(text: bytes) -> bool:
    """Whether it has digits and letters of both cases, as words of a language have not."""
    return all(re.search(each, text) for each in (rb"[0-9]", rb"[a-z]", rb"[A-Z]"))


_BASE_62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def _has_checksum(token: bytes) -> bool:
    """Whether a GitHub token ends in the CRC-32 of what is before, in base 62.

    Source: "Behind GitHub's new authentication token formats", 2021.
    """
    body = token.partition(b"_")[2]
    value, spelled = zlib.crc32(body[:30]), ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        spelled = _BASE_62[digit] + spelled
    return body[30:] == spelled.encode()


def _is_web_token(text: bytes) -> bool:
    """Whether a JSON Web Token's header is one, and says how it is signed."""
    header = text.partition(b".")[0]
    try:
        values = json.loads(base64.urlsafe_b64decode(header + b"=" * (-len(header) % 4)))
    except (ValueError, RecursionError):
        return False
    algorithm = values.get("alg") if isinstance(values, dict) else None
    return isinstance(algorithm, str) and algorithm.lower() != "none"


# Compilers lay the strings of a program end to end, so nothing separates a secret from the
# words around it. Where the shape alone is too weak for that, a checksum, a marker inside the
# secret or a boundary makes up for it.
SHAPES: tuple[SecretShape, ...] = (
    SecretShape(
        kind="private key (PEM)",
        starts=(b"-----BEGIN ",),
        shape=re.compile(
            rb"-----BEGIN (?:[A-Z]{2,9} ){0,2}PRIVATE KEY(?: BLOCK)?-----(?:\\[rn]|\s){1,4}"
            rb"(?P<body>(?:[A-Za-z0-9+/=]|\\[rn]|[\r\n \t]){64,8192}+)-----END "
        ),
        has_spaces=True,
        least_entropy=4.0,
    ),
    SecretShape(
        kind="AWS access key",
        starts=(b"AKIA", b"ASIA"),
        shape=re.compile(rb"A[KS]IA(?P<body>(?=[A-Z]{0,15}[2-7])[A-Z2-7]{16})"),
        least_entropy=3.0,
    ),
    SecretShape(
        kind="GitHub token",
        starts=(b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"),
        shape=re.compile(rb"gh[pousr]_(?P<body>[A-Za-z0-9]{36})"),
        is_real=_has_checksum,
    ),
    SecretShape(
        kind="GitHub token",
        starts=(b"github_pat_",),
        shape=re.compile(rb"github_pat_(?P<body>[A-Za-z0-9]{22}_[A-Za-z0-9]{59})"),
        is_real=_is_mixed,
    ),
    SecretShape(
        kind="GitLab token",
        starts=(b"glpat-",),
        shape=re.compile(rb"glpat-(?P<body>[A-Za-z0-9_-]{20})"),
        is_real=_is_mixed,
    ),
    SecretShape(
        kind="Slack token",
        starts=(b"xoxa-", b"xoxb-", b"xoxp-"),
        shape=re.compile(rb"xox[abp]-(?P<body>[0-9]{8,16}-[0-9A-Za-z-]{20,120}+)"),
    ),
    SecretShape(
        kind="Anthropic key",
        starts=(b"sk-ant-",),
        shape=re.compile(rb"sk-ant-[a-z]{2,9}[0-9]{2}-(?P<body>[A-Za-z0-9_-]{80,120}+)"),
        is_real=_is_mixed,
    ),
    SecretShape(
        kind="OpenAI key",
        starts=(b"sk-",),
        shape=re.compile(
            rb"sk-(?P<body>(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,100}?T3BlbkFJ"
            rb"[A-Za-z0-9_-]{20,100}+)"
        ),
    ),
    SecretShape(
        kind="API key (sk-…)",
        starts=(b"sk-",),
        shape=re.compile(
            rb"(?<![A-Za-z0-9_-])sk-(?![A-Za-z0-9]{20}T3BlbkFJ)"
            rb"(?P<body>[A-Za-z0-9]{48}|[0-9a-f]{32})(?![A-Za-z0-9_-])"
        ),
        is_real=lambda text: any(byte in b"0123456789" for byte in text),
    ),
    SecretShape(
        kind="Google API key",
        starts=(b"AIzaSy",),
        shape=re.compile(rb"AIzaSy(?P<body>[A-Za-z0-9_-]{33})"),
        is_real=_is_mixed,
    ),
    SecretShape(
        kind="Stripe key",
        starts=(b"sk_live_", b"rk_live_"),
        shape=re.compile(rb"[sr]k_live_(?P<body>[A-Za-z0-9]{24,128}+)"),
        is_real=_is_mixed,
    ),
    SecretShape(
        kind="JSON Web Token",
        starts=(b"eyJ",),
        shape=re.compile(
            rb"eyJ[A-Za-z0-9_-]{8,512}+\.eyJ[A-Za-z0-9_-]{8,4096}+\."
            rb"(?P<body>[A-Za-z0-9_-]{20,1024}+)"
        ),
        is_real=_is_web_token,
    ),
)
"""Sources: the publishers' own descriptions of their tokens; RFC 7468 and RFC 7519."""
