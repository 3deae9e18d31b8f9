"""What is found in the data of a binary, and what is not taken for it.

No real secret stands here, and nothing that a scanner of repositories would take for one: each
is put together from parts.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING

import pytest
from guests import wasm
from hypothesis import given
from hypothesis import strategies as st

from hatchway.audit.data_text import MOST_HITS, data_extents, places_of, words_in
from hatchway.audit.reading import read_artifact
from hatchway.audit.rules import sec_001_secrets, sec_002_places, sec_003_build_host
from hatchway.audit.secret_shapes import SHAPES, entropy
from hatchway.audit.subject import Subject

if TYPE_CHECKING:
    from hatchway.audit.finding import Found, Rule

MIXED = "q7Rz2KfW9xLb4TnVc8Yd1HgJm5PsQ3uA6eXoZi0BvNwEtMkCyGjUrDlShFaIpO"
"""Random enough: each digit and letter once."""


def taken(count: int) -> str:
    """That many characters as if drawn at random."""
    return (MIXED + MIXED[::-1] * (count // len(MIXED)))[:count]


def github(prefix: str, body: str = MIXED[:30]) -> str:
    """A token with GitHub's checksum."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    value, spelled = zlib.crc32(body.encode()), ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        spelled = digits[digit] + spelled
    return f"{prefix}_{body}{spelled}"


def token(header: object) -> str:
    """A JSON Web Token with this header."""
    parts = (json.dumps(header), json.dumps({"sub": "ada", "iat": 1}))
    encoded = [base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, taken(43)])


def pem(kind: str, body: str, newline: str = "\n") -> str:
    lines = [body[index : index + 64] for index in range(0, len(body), 64)]
    return newline.join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----"])


SECRETS = {
    "PKCS 8": ("private key (PEM)", pem("PRIVATE" + " KEY", taken(160))),
    "RSA": ("private key (PEM)", pem("RSA PRIVATE" + " KEY", taken(160), "\\n")),
    "OpenSSH": ("private key (PEM)", pem("OPENSSH PRIVATE" + " KEY", taken(160), "\r\n")),
    "AWS": ("AWS access key", "AK" + "IA" + "Q6PZ3NW5T2LXV7JD"),
    "AWS session": ("AWS access key", "AS" + "IA" + "Q6PZ3NW5T2LXV7JD"),
    "GitHub": ("GitHub token", github("gh" + "p")),
    "GitHub server": ("GitHub token", github("gh" + "s")),
    "GitHub fine-grained": ("GitHub token", f"github_{'pat'}_{taken(22)}_{taken(59)}"),
    "GitLab": ("GitLab token", "gl" + "pat-" + taken(20)),
    "Slack": ("Slack token", "xo" + "xb-" + "204857301946-" + taken(24)),
    "Anthropic": ("Anthropic key", "sk-" + "ant-api03-" + taken(90)),
    "OpenAI": ("OpenAI key", "sk-" + taken(20) + "T3Blbk" + "FJ" + taken(20)),
    "OpenAI project": ("OpenAI key", "sk-" + "proj-" + taken(60) + "T3Blbk" + "FJ" + taken(60)),
    "another sk": ("API key (sk-…)", "sk-" + taken(48)),
    "Google": ("Google API key", "AI" + "zaSy" + taken(33)),
    "Stripe": ("Stripe key", "sk_" + "live_" + taken(24)),
    "Stripe restricted": ("Stripe key", "rk_" + "live_" + taken(99)),
    "JWT": ("JSON Web Token", token({"alg": "HS256", "typ": "JWT"})),
}
HARMLESS = {
    "a parser of PEM": "-----BEGIN PRIVATE" + " KEY----- and -----END PRIVATE KEY-----",
    "a certificate": pem("CERTIFICATE", taken(160)),
    "a placeholder in PEM": pem("PRIVATE" + " KEY", "A" * 160),
    "the AWS example": "AK" + "IA" + "IOSFODNN7EXAMPLE",
    "a word": "AS" + "IA" + "PACIFICNORTHEASTZONE",
    "AWS without entropy": "AK" + "IA" + "2222222222222222",
    "the alphabet": "gh" + "p_abcdefghijklmnopqrstuvwxyz0123456789",
    "a wrong checksum": github("gh" + "p")[:-1] + "_",
    "a fine-grained word": f"github_{'pat'}_{'a' * 22}_{'b' * 59}",
    "a GitLab placeholder": "gl" + "pat-" + "xxxxxxxxxxxxxxxxxxxx",
    "a Slack placeholder": "xo" + "xb-" + "123456789012-XXXXXXXXXXXXXXXXXXXXXXXX",
    "a hyphenated word": "task-" + "a-very-long-kebab-case-name-of-a-stylesheet-class-x",
    "a CSS class": "disk-" + taken(48),
    "sk of letters": "sk-" + "qwertyuiopasdfghjklzxcvbnmQWERTYUIOPASDFGHJKLZXC",
    "a test key of Stripe": "sk_" + "test_" + taken(24),
    "lower case after AIza": "AI" + "zaSy" + "qwertyuiopasdfghjklzxcvbnmqwertyu",
    "an unsigned token": token({"alg": "none"}),
    "a token without algorithm": token({"typ": "JWT"}),
    "a token that is a list": token(["alg"]),
    "no token": "eyJ" + "AAAAAAAAAAAAAAAAAAAAA.eyJAAAAAAAAAAAAAAA." + taken(43),
}


def holding(*texts: str | bytes) -> Subject:
    """A module whose data is these texts, one segment each."""
    segments = "".join(f'(data (i32.const 0) "{_escaped(text)}")' for text in texts)
    return subject(f"(module (memory 1) {segments})")


def _escaped(text: str | bytes) -> str:
    data = text if isinstance(text, bytes) else text.encode()
    return "".join(f"\\{byte:02x}" for byte in data)


def subject(wat: str) -> Subject:
    data = wasm(wat)
    return Subject(name="tool", artifact=read_artifact(data), data=data)


def found_by(rule: Rule, looked_at: Subject) -> list[Found]:
    assert rule.check is not None
    return list(rule.check(looked_at))


# HW-SEC-001


@pytest.mark.parametrize(("kind", "secret"), SECRETS.values(), ids=SECRETS)
def test_a_secret_is_found_where_it_stands_and_not_shown(kind: str, secret: str) -> None:
    looked_at = holding("nothing", f"key={secret};")

    (found,) = found_by(sec_001_secrets.RULE, looked_at)

    assert found.about.startswith(f"{kind} ")
    assert found.evidence[0].offset == looked_at.data.index(secret.encode())
    assert secret[12:] not in repr(found)


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS)
def test_what_only_resembles_a_secret_is_not_one(text: str) -> None:
    assert found_by(sec_001_secrets.RULE, holding(f"text={text};")) == []


@pytest.mark.parametrize("name", ["AWS", "GitHub", "GitLab", "Google", "JWT"])
def test_words_laid_end_to_end_by_a_compiler_hide_nothing(name: str) -> None:
    kind, secret = SECRETS[name]

    (found,) = found_by(sec_001_secrets.RULE, holding(f"failedToConnect{secret} :"))

    assert found.about.startswith(f"{kind} ")


def test_another_secret_of_the_same_kind_is_a_finding_of_its_own() -> None:
    known, new = SECRETS["AWS"][1], SECRETS["AWS session"][1]

    (before,) = found_by(sec_001_secrets.RULE, holding(known))
    after = {found.about for found in found_by(sec_001_secrets.RULE, holding(known, new))}

    assert before.about in after
    assert len(after) == 2


def test_one_secret_is_one_finding_with_each_place() -> None:
    secret = SECRETS["AWS"][1]

    (found,) = found_by(sec_001_secrets.RULE, holding(*[f"{secret} "] * 20))

    assert "contains 20" in found.message
    assert len(found.evidence) == 8


def test_secrets_in_modules_inside_a_component_count() -> None:
    secret = SECRETS["Google"][1]
    looked_at = subject(
        f'(component (core module (memory 1) (data (i32.const 0) "{secret}")) (component))'
    )

    assert len(found_by(sec_001_secrets.RULE, looked_at)) == 1


def test_only_data_is_searched() -> None:
    looked_at = subject(f'(module (@custom "notes" "{SECRETS["Google"][1]}"))')

    assert found_by(sec_001_secrets.RULE, looked_at) == []


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_surroundings_do_not_hide_a_key(before: bytes, after: bytes) -> None:
    secret = SECRETS["AWS"][1].encode()

    found = found_by(sec_001_secrets.RULE, holding(before + b" " + secret + after))

    assert any(item.about.startswith("AWS access key ") for item in found)


@given(st.binary(max_size=400))
def test_any_data_can_be_searched(data: bytes) -> None:
    for rule in (sec_001_secrets.RULE, sec_002_places.RULE, sec_003_build_host.RULE):
        found_by(rule, holding(data))


def test_every_beginning_is_one_that_its_shape_matches() -> None:
    for shape in SHAPES:
        for start in shape.starts:
            assert any(secret.encode().startswith(start) for _, secret in SECRETS.values()) or (
                start[:3] in (b"gho", b"ghu", b"ghr", b"xox")
            )


def test_entropy_is_counted_in_bits() -> None:
    assert entropy(b"aaaa") == 0
    assert entropy(b"abab") == 1
    assert entropy(b"abcd") == 2


# Looking for texts


def test_segments_next_to_each_other_are_searched_together() -> None:
    looked_at = holding("one", "two", "three")

    assert len(data_extents(looked_at.artifact)) == 1


def test_segments_far_apart_are_searched_on_their_own() -> None:
    module = '(memory 1) (data (i32.const 0) "a")'
    between = f'(@custom "{"x" * 80}" (before first) "")'
    looked_at = subject(f"(component (core module {module}) (core module {between} {module}))")

    assert len(data_extents(looked_at.artifact)) == 2


def test_the_places_of_a_text_are_bounded() -> None:
    data = b"ab" * (MOST_HITS + 5)

    assert len(list(places_of(data, b"ab", ((0, len(data)),)))) == MOST_HITS


def test_long_words_keep_their_places() -> None:
    data = b"short " + b"x" * 20 + b"\0" + b"y" * 19 + b"\0" + b"find-me_" + b"z" * 20

    words = words_in(data, ((0, len(data)),))

    assert words.text == b"x" * 20 + b" find-me_" + b"z" * 20
    assert list(words.places_of(b"find-me_")) == [data.index(b"find")]


def test_words_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hatchway.audit.data_text.MOST_WORDS", 3)
    data = (b"x" * 20 + b" ") * 10

    assert len(words_in(data, ((0, len(data)),)).starts) == 3


# HW-SEC-002


def test_places_are_one_finding_for_each_kind() -> None:
    looked_at = holding("/etc/passwd /etc/passwd ~/.ssh/id_ed25519 http://169.254.169.254/latest")

    found = found_by(sec_002_places.RULE, looked_at)

    assert [item.about for item in found] == ["files with credentials", "cloud metadata", "URLs"]
    assert [item.detail for item in found[0].evidence] == ["/etc/passwd", ".ssh/"]


def test_hosts_of_urls_are_listed_once_and_up_to_a_number() -> None:
    urls = [
        f"https://h{index}.example.com/a HTTPS://no http://h{index}.example.com"
        for index in range(30)
    ]

    (found,) = found_by(sec_002_places.RULE, holding(" ".join(urls)))

    assert "30 hosts" in found.message
    assert len(found.evidence) == 8
    assert found.evidence[0].detail == "h0.example.com"


def test_a_scheme_alone_is_no_url() -> None:
    assert found_by(sec_002_places.RULE, holding("http:// https://\u00e9 file://x ftp://y")) == []


# HW-SEC-003


def test_home_directories_are_listed_once_each() -> None:
    looked_at = holding(
        "/home/ada/a.rs/home/ada/b.rs /Users/grace/c.c C:\\Users\\alan\\d.c /home/ /home/x"
    )

    (found,) = found_by(sec_003_build_host.RULE, looked_at)

    assert [item.detail for item in found.evidence] == [
        "/home/ada",
        "/Users/grace",
        ":\\\\Users\\\\alan",
    ]


def test_home_directories_in_custom_sections_count() -> None:
    looked_at = subject('(module (@custom "build" "/home/ada/src/main.c"))')

    assert [item.about for item in found_by(sec_003_build_host.RULE, looked_at)] == [
        "home directories"
    ]


def test_debug_information_and_links_are_findings_of_their_own() -> None:
    looked_at = subject(
        '(module (@custom ".debug_info" "1234") (@custom ".debug_str" "56")'
        ' (@custom "sourceMappingURL" "\\0ahttp://a/\\1b["))'
    )

    found = found_by(sec_003_build_host.RULE, looked_at)

    assert [item.about for item in found] == ["debug information", "links"]
    assert "6 bytes" in found[0].message
    assert "\x1b" not in repr(found)
