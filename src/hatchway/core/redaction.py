"""Finding secrets in what comes back, however it is spelled, and putting something else there.

Two places need it. The broker stands between a server, which may echo the header it was sent,
and the guest. The runtime looks through everything that leaves a call.

This is a net, not a wall. The wall is that a guest never holds a secret: only a server that was
sent one can echo it. The net is as wide as the ways in which ordinary software spells text.
"""

from __future__ import annotations

import copy
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from hatchway.core.secret_forms import MIN_SECRET_BYTES, forms_of
from hatchway.core.spellings import (
    View,
    encodings_undone,
    escapings_undone,
    squeezed,
    text_in,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hatchway.core.secret import Secret
    from hatchway.core.secret_forms import Form
    from hatchway.core.spellings import Span

_LAYERS = 2
"""Encodings on top of each other that are undone: base64 of base64."""
_BLOCK = 1 << 18
"""Bytes that are looked at in one go; what is made of them takes about eight times as many."""
_TELLING = 4
"""Bytes with which a secret may have begun: fewer are everywhere, and give nothing away."""
_LONGEST_ESCAPE = 16
_TELLING_BITS = range(24, 14_000)
"""Of a number that may be a secret: seven digits, to as many as Python spells."""
_MAX_DEPTH = 100
_TOO_DEEP = "[redacted: nested too deeply]"
_MAX_CLOSE_LOOK = 1 << 13
"""Bytes that are looked at over and over for the beginning of a secret, whenever nothing comes."""
_MASK = b"x"
"""Of the alphabet of nearly everything that a secret may stand in: URLs, JSON, base64."""


class Found(NamedTuple):
    """A secret in a text: where, and what it is called."""

    start: int
    end: int
    name: str


class Redactor:
    """Takes secrets out of texts. It is false when there are none, and nothing needs a look.

    They are found as they are, in any case, with anything that is neither letter nor digit in
    between; escaped for URLs, JSON or HTML, up to three times; in base64 and hex, up to twice,
    also in the middle of something longer; and any of these in any other.

    Args:
        secrets: Each with the name by which it may be spoken of. Where two are the same, the
            first name counts.

    Raises:
        ValueError: One is too short to look for, or not ASCII.
    """

    def __init__(self, secrets: Iterable[tuple[str, Secret]]) -> None:
        values: dict[str, str] = {}
        for name, secret in secrets:
            values.setdefault(secret.reveal(), name)
        self._forms = tuple(
            form for value, name in values.items() for form in forms_of(name, value)
        )
        self._shortest = min((form.shortest for form in self._forms), default=0)
        self.reach = max((form.reach for form in self._forms), default=0)
        """The most bytes that any of them may be spelled with."""
        self._check: Callable[[], None] | None = None
        self._markers = {name: self._marker(name) for name in values.values()}

    def __bool__(self) -> bool:
        return bool(self._forms)

    def watched(self, check: Callable[[], None]) -> Redactor:
        """This one, asking `check` before each block of 256 KiB; what that raises ends the look."""
        watched = copy.copy(self)
        watched._check = check  # noqa: SLF001 - of a copy that nobody else has yet
        return watched

    def redact_text(self, text: str) -> tuple[str, tuple[str, ...]]:
        """`text` with `[redacted:NAME]` for each secret, and the names of what it held."""
        (clean,), names = self.redact_texts((text,))
        return clean, names

    def redact_texts(self, texts: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """`texts` without secrets, also such as begin in one and end in the next."""
        pieces = [text.encode("utf-8", "surrogatepass") for text in texts]
        cleaned, names = self._redact_pieces(pieces)
        if not names:
            return tuple(texts), ()
        return tuple(piece.decode("utf-8", "surrogatepass") for piece in cleaned), names

    def redact_bytes(self, data: bytes) -> tuple[bytes, tuple[str, ...]]:
        """`data` with `[redacted:NAME]` for each secret, and the names of what it held."""
        (clean,), names = self._redact_pieces((data,))
        return clean, names

    def redact_json(self, value: Any) -> tuple[Any, tuple[str, ...]]:
        """A JSON value without secrets in its texts, keys and numbers, and their names.

        A secret that is split over neighbouring texts is found as well. What nests too deeply
        to follow is left out.
        """
        texts: list[str] = []
        _gather(value, texts, _MAX_DEPTH)
        cleaned, names = self.redact_texts(texts)
        if not names and _TOO_DEEP not in texts:
            return value, ()
        return _rebuilt(value, iter(texts), iter(cleaned), _MAX_DEPTH), names

    def mask_bytes(self, data: bytes) -> tuple[bytes, tuple[str, ...]]:
        """`data` with as many `x` for each secret as it was long, and the names."""
        found = self.find(data)
        return masked(data, found), _names(found)

    def find(self, data: bytes) -> list[Found]:
        """Where secrets stand in `data`, in order. One that lies inside another is not told."""
        if not self or len(data) < self._shortest:
            return []
        found: set[Found] = set()
        for at in range(0, len(data), _BLOCK):
            if self._check is not None:
                self._check()
            block = data[at : at + _BLOCK + self.reach]
            for form, (start, end) in self._search(block, _occurrences, self._shortest, _LAYERS):
                if end - start <= form.reach:
                    found.add(Found(at + start, at + end, form.name))
        return _outermost(found)

    def unfinished(self, data: bytes) -> int:
        """From where on `data` may be the beginning of a secret whose end is yet to come.

        Fewer than four of its characters are not taken for one.
        """
        tail = data[max(0, len(data) - self.reach) :]
        first = len(tail)
        # An escape or a group of digits may be cut anywhere, and then spells nothing.
        for cut in range(min(_LONGEST_ESCAPE, len(tail))):
            seen = tail[: len(tail) - cut]
            for _, (start, _) in self._search(seen, _beginnings, _TELLING, _LAYERS):
                first = min(first, start)
        return len(data) - len(tail) + first

    def _search(
        self,
        data: bytes,
        matches: Callable[[bytes, bytes], Iterator[Span]],
        shortest: int,
        layers: int,
    ) -> Iterator[tuple[Form, Span]]:
        for plain in escapings_undone(data):
            yield from self._match(plain, matches)
            # With escapes and without: digits behind a backslash or a percent sign may be of both.
            for view in encodings_undone(plain.data) if layers else ():
                if text := text_in(view.data, shortest):
                    for form, span in self._search(text.data, matches, shortest, layers - 1):
                        yield form, plain.back(*view.back(*text.back(*span)))

    def _match(
        self, plain: View, matches: Callable[[bytes, bytes], Iterator[Span]]
    ) -> Iterator[tuple[Form, Span]]:
        bare = squeezed(plain.data)
        for form in self._forms:
            for needle in form.exact:
                for span in matches(plain.data, needle):
                    yield form, plain.back(*span)
            for span in matches(bare.data, form.letters) if form.letters else ():
                yield form, plain.back(*bare.back(*span))

    def _redact_pieces(self, pieces: Sequence[bytes]) -> tuple[Sequence[bytes], tuple[str, ...]]:
        # What stands between them is neither letter nor digit, so it keeps nothing apart.
        found = self.find(b"\0".join(pieces))
        if not found:
            return pieces, ()
        cleaned: list[bytes] = []
        offset = 0
        # None lies inside another, so that they end in the order in which they begin.
        ends = [each.end for each in found]
        for piece in pieces:
            first = bisect_right(ends, offset)
            last = bisect_left(found, offset + len(piece), key=lambda each: each.start)
            cleaned.append(self._spliced(piece, offset, found[first:last]))
            offset += len(piece) + 1
        return cleaned, _names(found)

    def _spliced(self, piece: bytes, offset: int, found: Iterable[Found]) -> bytes:
        parts: list[bytes] = []
        at = 0
        for each in found:
            start, end = max(each.start - offset, 0), min(each.end - offset, len(piece))
            if start < end:
                parts += (piece[at:start], self._markers[each.name])
                at = end
        return b"".join((*parts, piece[at:]))

    def _marker(self, name: str) -> bytes:
        marker = f"[redacted:{name}]".encode("ascii", "replace")
        return _MASK * MIN_SECRET_BYTES if self.find(marker) else marker


def masked(data: bytes, spans: Iterable[tuple[int, int, str]]) -> bytes:
    """`data` with `x` for every byte of `spans`."""
    hidden = bytearray(data)
    for start, end, _ in spans:
        hidden[start:end] = _MASK * (min(end, len(data)) - start)
    return bytes(hidden)


# Looking


def _occurrences(data: bytes, needle: bytes) -> Iterator[Span]:
    at = data.find(needle)
    while at >= 0:
        yield at, at + len(needle)
        at = data.find(needle, at + 1)


def _beginnings(data: bytes, needle: bytes) -> Iterator[Span]:
    start = max(0, len(data) - len(needle) + 1)
    while (start := data.find(needle[:_TELLING], start)) >= 0:
        if needle.startswith(data[start:]):
            yield start, len(data)
            return
        start += 1


def _outermost(found: Iterable[Found]) -> list[Found]:
    """What is left without whatever lies inside another, in order."""
    kept: list[Found] = []
    for each in sorted(found, key=lambda each: (each.start, -each.end, each.name)):
        if not kept or each.end > kept[-1].end:
            kept.append(each)
    return kept


def _names(found: Iterable[Found]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.name for each in found))


# JSON


def _gather(value: Any, texts: list[str], depth: int) -> None:
    """Every text in `value`, in the order in which `_rebuilt` asks for them."""
    if depth == 0:
        texts.append(_TOO_DEEP)
    elif isinstance(value, str):
        texts.append(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _gather(key, texts, depth - 1)
            _gather(item, texts, depth - 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _gather(item, texts, depth - 1)
    elif _is_telling(value):
        texts.append(str(value))


def _rebuilt(value: Any, before: Iterator[str], after: Iterator[str], depth: int) -> Any:
    if depth == 0 or isinstance(value, str):
        next(before)
        return next(after)
    if isinstance(value, Mapping):
        return {
            _rebuilt(key, before, after, depth - 1): _rebuilt(item, before, after, depth - 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        items = [_rebuilt(item, before, after, depth - 1) for item in value]
        return items if isinstance(value, list) else tuple(items)
    if _is_telling(value):
        clean = next(after)
        return value if next(before) == clean else clean
    return value


def _is_telling(value: Any) -> bool:
    """Whether it is a number that may be a secret."""
    return type(value) is int and value.bit_length() in _TELLING_BITS


# Streams


class StreamRedactor:
    """Takes secrets out of a stream of bytes, wherever it is cut into chunks.

    Each byte of a secret becomes an `x`, so lengths stay the same. It holds back as much as a
    secret may be spelled with, until more comes or the stream ends.

    Attributes:
        names: Of the secrets that were in what came so far.
    """

    def __init__(self, redactor: Redactor) -> None:
        self.names: tuple[str, ...] = ()
        self._redactor = redactor
        self._held = b""
        self._told = 0
        """How many bytes of `_held` were handed out before; secrets may have begun in them."""
        self._begun: list[Found] = []
        self._paused_at = 0
        """How much was held after the last pause."""

    def feed(self, chunk: bytes) -> bytes:
        """What may go on, now that `chunk` came."""
        if not self._redactor:
            return chunk
        self._held += chunk
        self._paused_at = -1
        if len(self._held) < 2 * self._redactor.reach:  # so that no byte is looked at often
            return b""
        return self._hand_out(len(self._held) - self._redactor.reach)

    def pause(self) -> bytes:
        """What may go on when nothing more may come for a while.

        It holds back what looks like the beginning of a secret. A secret of which fewer than
        four characters had come goes on with those, and is masked from there on. Where secrets
        are long, it holds back as much as `feed` does: looking closer takes time that others need.
        """
        if len(self._held) == self._paused_at:
            return b""
        if self._redactor.reach > _MAX_CLOSE_LOOK:
            end = len(self._held) - self._redactor.reach
            return self._hand_out(end) if end > self._told else b""
        clean = self._hand_out(self._redactor.unfinished(self._held))
        self._paused_at = len(self._held)
        return clean

    def finish(self) -> bytes:
        """What is left, when nothing more comes."""
        return self._hand_out(len(self._held))

    def _hand_out(self, end: int) -> bytes:
        found = [*self._begun, *self._redactor.find(self._held)]
        self.names = tuple(dict.fromkeys((*self.names, *_names(found))))
        clean = masked(self._held, found)[self._told : end]
        # A secret that begins before this is whole by now.
        settled = max(0, len(self._held) - self._redactor.reach)
        self._begun = [
            Found(max(0, start - settled), stop - settled, name)
            for start, stop, name in found
            if stop > settled
        ]
        self._held = self._held[settled:]
        self._told = max(self._told, end) - settled
        return clean
