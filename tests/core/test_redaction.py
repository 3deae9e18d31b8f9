"""Finding secrets in what comes back, however it is spelled."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from spelled import SPELLINGS, VALUE, redactor, spellings, surroundings, values
from strategies import json_values, patient

from hatchway.core.redaction import Redactor, StreamRedactor


def streamed(data: bytes, cuts: list[int], redactor: Redactor) -> bytes:
    stream = StreamRedactor(redactor)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    chunks = [data[start:end] for start, end in itertools.pairwise(places)]
    return b"".join((*map(stream.feed, chunks), stream.finish()))


# What is found


@pytest.mark.parametrize("outer", SPELLINGS)
def test_a_secret_is_found_in_every_spelling_of_every_spelling(outer: str) -> None:
    looking = redactor(VALUE)
    for inner in SPELLINGS:
        text = f"before {SPELLINGS[outer](SPELLINGS[inner](VALUE))} after"

        clean, names = looking.redact_text(text)

        assert names == ("KEY",), inner
        assert "[redacted:KEY]" in clean, inner
        assert clean.startswith("before "), inner
        assert clean.endswith(" after"), inner


@patient
@given(values, spellings, surroundings, surroundings, st.lists(st.integers(0, 400), max_size=6))
@example("%41%42%43", "URL", "", "", [])
@example("12345678", "hex", "00", "00", [1, 2, 3])
def test_every_secret_is_found_in_every_spelling_at_every_chunking(
    value: str, spelling: str, before: str, after: str, cuts: list[int]
) -> None:
    data = f"{before}{SPELLINGS[spelling](value)}{after}".encode()
    looking = redactor(value)

    masked, names = looking.mask_bytes(data)

    assert names == ("KEY",)
    assert len(masked) == len(data)
    assert looking.find(masked) == []
    assert streamed(data, cuts, looking) == masked


@patient
@given(values, spellings, spellings, surroundings, st.lists(st.integers(0, 2000), max_size=6))
def test_combinations_are_found_at_every_chunking(
    value: str, inner: str, outer: str, around: str, cuts: list[int]
) -> None:
    spelled = SPELLINGS[outer](f"{around}{SPELLINGS[inner](value)}{around}")
    data = f"{around}{spelled}{around}".encode()
    looking = redactor(value)

    masked, names = looking.mask_bytes(data)

    assert names == ("KEY",)
    assert looking.find(masked) == []
    assert streamed(data, cuts, looking) == masked


@pytest.mark.parametrize("cut", range(0, 120, 7))
def test_a_secret_is_found_wherever_a_long_text_is_cut_into_blocks(cut: int) -> None:
    data = b"." * ((1 << 18) - cut) + VALUE.encode() + b"." * 1000 + VALUE.encode()

    clean, names = redactor(VALUE).redact_bytes(data)

    assert names == ("KEY",)
    assert clean.count(b"[redacted:KEY]") == 2
    assert VALUE.encode() not in clean


WAYS_TO_HIDE = {
    "upper case": VALUE.upper(),
    "lower case": VALUE.lower(),
    "spaces": " ".join(VALUE),
    "line breaks": "\r\n".join(VALUE),
    "characters without a width": "\u200b".join(VALUE),
    "soft hyphens": "\u00ad".join(VALUE),
    "hyphens": "-".join(VALUE),
    "UTF-16": VALUE.encode("utf-16-le").decode("latin-1"),
    "UTF-32": VALUE.encode("utf-32-be").decode("latin-1"),
    "quotes and commas": json.dumps(list(VALUE)),
    "lines of a message": ">" + "\r\n> ".join((VALUE[:9], VALUE[9:])),
}


@pytest.mark.parametrize("way", WAYS_TO_HIDE)
def test_a_secret_is_found_with_something_in_between(way: str) -> None:
    clean, names = redactor(VALUE).redact_text(f"<{WAYS_TO_HIDE[way]}>")

    assert names == ("KEY",)
    assert clean.startswith("<")
    assert redactor(VALUE).find(clean.encode()) == []


@pytest.mark.parametrize("value", ["!\"#$%&'()", "p4ss w0rd!!", "a%2Fb%2Fc\\", "&lt;!!--!!--"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_of_few_letters_is_found_too(value: str, spelling: str) -> None:
    text = f"before {SPELLINGS[spelling](value)} after"

    assert redactor(value).redact_text(text)[1] == ("KEY",)


def test_a_secret_of_few_letters_is_not_found_by_its_letters() -> None:
    assert redactor("a-b-c-d-!-!").redact_text("abcd") == ("abcd", ())


LOGIN = base64.b64encode(b"ada:correct-horse").decode()


@pytest.mark.parametrize("text", ["ada:correct-horse", "password=correct-horse", LOGIN])
def test_a_login_in_base64_is_found_in_the_clear_too(text: str) -> None:
    assert redactor(LOGIN).redact_text(f"<{text}>")[1] == ("KEY",)


@pytest.mark.parametrize(
    ("value", "said"),
    [(base64.b64encode(b"ada:short").decode(), "short"), ("AAECAwQFBgcI", "\1\2")],
)
def test_what_base64_says_is_not_looked_for_when_it_is_short_or_no_text(
    value: str, said: str
) -> None:
    assert redactor(value).redact_text(f"<{said}>")[1] == ()


def test_something_far_apart_is_not_one_secret() -> None:
    text = VALUE[:8] + "." * 5000 + VALUE[8:]

    assert redactor(VALUE).redact_text(text) == (text, ())


# What is not


@patient
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
@example("\ud800 lone surrogates \udfff")
@example("%%%% \\\\\\\\ &&&& 0x 0x %25%25 \\u \\x")
@example("QUJD" * 40)
def test_nothing_is_changed_in_a_text_without_a_secret(text: str) -> None:
    looking = redactor(VALUE, "correct-horse-battery")

    assert looking.redact_text(text) == (text, ())
    assert looking.redact_bytes(text.encode("utf-8", "replace"))[1] == ()


@patient
@given(json_values(), st.integers(0, 30))
def test_nothing_is_changed_in_a_value_without_a_secret(value: Any, encodings: int) -> None:
    spelled = json.dumps(value)
    for _ in range(encodings % 3):
        spelled = json.dumps(base64.b64encode(spelled.encode()).decode())
    held = {"value": value, "spelled": spelled}

    clean, names = redactor(VALUE).redact_json(held)

    assert clean is held
    assert names == ()


def test_without_secrets_there_is_nothing_to_look_for() -> None:
    nothing = Redactor(())

    assert not nothing
    assert redactor(VALUE)
    assert nothing.redact_text(VALUE) == (VALUE, ())
    assert nothing.mask_bytes(VALUE.encode()) == (VALUE.encode(), ())
    assert StreamRedactor(nothing).feed(b"a") == b"a"
    assert StreamRedactor(nothing).pause() == b""
    assert StreamRedactor(nothing).finish() == b""


@pytest.mark.parametrize("value", ["", "1234567", "pässwörter", "密码密码密码密码"])
def test_what_cannot_be_looked_for_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="KEY is too short to be looked for, or not ASCII"):
        redactor(value)


# What stands there instead


@patient
@given(st.lists(spellings.map(lambda name: SPELLINGS[name](VALUE)) | surroundings, max_size=6))
def test_a_clean_text_stays_as_it_is(parts: list[str]) -> None:
    looking = redactor(VALUE)
    clean, _ = looking.redact_text("".join(parts))
    masked, _ = looking.mask_bytes("".join(parts).encode())

    assert looking.redact_text(clean) == (clean, ())
    assert looking.mask_bytes(masked) == (masked, ())


def test_a_secret_around_a_secret_is_not_put_together_by_taking_it_out() -> None:
    text = VALUE[:12] + VALUE + VALUE[12:]
    looking = redactor(VALUE)

    assert looking.redact_text(looking.redact_text(text)[0])[1] == ()
    assert looking.mask_bytes(looking.mask_bytes(text.encode())[0])[1] == ()


def test_secrets_that_overlap_are_both_named() -> None:
    looking = redactor(FIRST="abcdefgh12345678", SECOND="12345678zyxwvuts")

    clean, names = looking.redact_text("<abcdefgh12345678zyxwvuts>")

    assert clean == "<[redacted:FIRST][redacted:SECOND]>"
    assert names == ("FIRST", "SECOND")


def test_of_a_secret_and_its_beginning_the_longer_one_is_named() -> None:
    looking = redactor(SHORT="abcdefgh12345678", LONG="abcdefgh12345678ijkl")

    assert looking.redact_text("<abcdefgh12345678ijkl>") == ("<[redacted:LONG]>", ("LONG",))
    assert looking.redact_text("<abcdefgh12345678ijk>")[1] == ("SHORT",)


def test_of_two_names_for_one_value_the_first_counts() -> None:
    assert redactor(ONE=VALUE, TWO=VALUE).redact_text(VALUE) == ("[redacted:ONE]", ("ONE",))


def test_a_name_that_is_the_secret_is_not_shown() -> None:
    assert redactor(HUNTER2HUNTER2="hunter2hunter2").redact_text("<hunter2hunter2>")[0] == (
        "<xxxxxxxx>"
    )


def test_a_mask_is_as_long_as_what_it_hides_and_fits_where_that_stood() -> None:
    text = json.dumps({"token": VALUE, "url": f"https://e.org/?{SPELLINGS['URL'](VALUE)}"})

    masked, names = redactor(VALUE).mask_bytes(text.encode())

    assert names == ("KEY",)
    assert len(masked) == len(text)
    assert json.loads(masked)["token"] == "x" * len(VALUE)


# Several texts, and JSON


def test_a_secret_that_is_split_over_texts_is_taken_out_of_all_of_them() -> None:
    texts = ("first: " + VALUE[:7], VALUE[7:15], "", VALUE[15:] + " last", "more")

    clean, names = redactor(VALUE).redact_texts(texts)

    assert clean == (
        "first: [redacted:KEY]",
        "[redacted:KEY]",
        "",
        "[redacted:KEY] last",
        "more",
    )
    assert names == ("KEY",)


def test_a_secret_is_taken_out_of_keys_texts_and_numbers() -> None:
    value = {
        VALUE: 1,
        "list": [None, True, 2.5, f"a {VALUE} b", 7],
        "number": 1234567890123456,
        "other": 87654321,
        "tuple": ({"deep": VALUE.encode().hex()},),
    }

    clean, names = redactor(VALUE, "1234567890123456").redact_json(value)

    assert clean == {
        "[redacted:KEY]": 1,
        "list": [None, True, 2.5, "a [redacted:KEY] b", 7],
        "number": "[redacted:KEY1]",
        "other": 87654321,
        "tuple": ({"deep": "[redacted:KEY]"},),
    }
    assert names == ("KEY", "KEY1")


def test_what_nests_too_deeply_is_left_out() -> None:
    value: Any = VALUE
    for _ in range(150):
        value = [value]

    clean, names = redactor(VALUE).redact_json(["kept", value])

    assert clean[0] == "kept"
    assert "[redacted: nested too deeply]" in repr(clean)
    assert VALUE not in repr(clean)
    assert names == ()


def test_numbers_too_long_to_spell_do_no_harm() -> None:
    value = {"long": 10**5000}

    assert redactor(VALUE).redact_json(value) == (value, ())


class TiredError(Exception):
    """Somebody has looked for long enough."""


def test_a_look_that_is_watched_can_be_ended_between_two_blocks() -> None:
    asked: list[None] = []

    def check() -> None:
        asked.append(None)
        if len(asked) > 2:
            raise TiredError

    with pytest.raises(TiredError):
        redactor(VALUE).watched(check).redact_bytes(b"x" * (1 << 20))

    assert len(asked) == 3


def test_a_look_that_is_watched_finds_the_same() -> None:
    looking = redactor(VALUE)

    assert looking.watched(lambda: None).redact_text(f"a {VALUE}") == looking.redact_text(
        f"a {VALUE}"
    )


@patient
@given(st.lists(st.sampled_from([VALUE, VALUE[:7], VALUE[7:], "", "a"]), max_size=8))
def test_each_of_many_pieces_loses_its_part_of_what_they_hold_together(pieces: list[str]) -> None:
    looking = redactor(VALUE)
    joined = "\0".join(pieces).encode()
    at = 0
    hidden = {place for start, end, _ in looking.find(joined) for place in range(start, end)}

    cleaned, _ = looking.redact_texts(pieces)

    for piece, clean in zip(pieces, cleaned, strict=True):
        places = range(at, at + len(piece))
        kept = "".join(
            letter for place, letter in zip(places, piece, strict=True) if place not in hidden
        )
        assert clean.replace("[redacted:KEY]", "") == kept
        at += len(piece) + 1
