"""A place has one spelling, and no pattern matches what only looks like it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hatchway.core.errors import ConfigError
from hatchway.policy.origins import Pattern, origin_of, parse_pattern
from hatchway.registry.spelling import parse_reference

BASE = "/srv/project"
DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("source", "origin"),
    [
        ("oci://ghcr.io/acme/render", "oci://ghcr.io/acme/render"),
        ("oci://ghcr.io/acme/render:1.2", "oci://ghcr.io/acme/render"),
        (f"oci://ghcr.io/acme/render@{DIGEST}", "oci://ghcr.io/acme/render"),
        (f"oci://ghcr.io/acme/render:1.2@{DIGEST}", "oci://ghcr.io/acme/render"),
        ("oci://127.0.0.1:5000/a", "oci://127.0.0.1:5000/a"),
        ("oci://[::1]:5000/a", "oci://[::1]:5000/a"),
        ("https://example.com/a/b.wasm", "https://example.com/a/b.wasm"),
        (f"https://example.com/b.wasm@{DIGEST}", "https://example.com/b.wasm"),
        ("http://127.0.0.1:8000/b.wasm", "http://127.0.0.1:8000/b.wasm"),
        ("oci-layout:./dir:1.0", "oci-layout:/srv/project/dir"),
        (f"oci-layout:/srv/dir@{DIGEST}", "oci-layout:/srv/dir"),
        ("pypi:some-tool==1.0#a/b.wasm", "pypi:some-tool"),
        ("pypi:Some_Tool", "pypi:some-tool"),
        ("npm:@acme/tool@1.0.0#b.wasm", "npm:@acme/tool"),
        ("npm:tool@1.0.0#b.wasm", "npm:tool"),
        ("./a.wasm", "/srv/project/a.wasm"),
        ("a.wasm", "/srv/project/a.wasm"),
        ("../other/a.wasm", "/srv/other/a.wasm"),
        ("//opt//./a.wasm", "/opt/a.wasm"),
        ("/opt/a b.wasm", "/opt/a b.wasm"),
    ],
)
def test_a_place_is_named_without_versions_and_digests(source: str, origin: str) -> None:
    assert origin_of(source, base=BASE) == origin


@pytest.mark.parametrize(
    "source",
    [
        "oci://GHCR.io/acme/render",
        "oci://ghcr.io/Acme/render",
        "oci://ghcr.io./acme/render",
        "oci://ghcr.io/acme/%72ender",
        "oci://ghcr.io/acme/../evil/render",
        "oci://ghcr.io/acme//render",
        "oci://user@ghcr.io/acme/render",
        "oci://ghcr.io:443/acme/render",
        "oci://ghcr.io:0443/acme/render",
        "oci://ghcr.io:99999/acme/render",
        "oci:ghcr.io/acme/render",
        "OCI://ghcr.io/acme/render",
        "oci://ghcr.io/acme/render@sha256:00",
        "oci://ghсr.io/acme/render",
        "https://example.com/a/../b.wasm",
        "https://example.com/a/./b.wasm",
        "https://example.com//b.wasm",
        "https://example.com/%2e%2e/b.wasm",
        "https://example.com/b.wasm?x=1",
        "https://example.com/b.wasm#x",
        "https://example.com\\@evil.example/b.wasm",
        "https://user:word@example.com/b.wasm",
        "oci-layout:a%3Ab",
        "oci-layout:",
        "npm:Tool@1.0.0",
        "npm:../tool@1.0.0",
        "pypi:-tool==1",
        "file:///a.wasm",
        "git+https://example.com/a",
        "a\0b.wasm",
        "oci-layout:a\0b",
        "",
    ],
)
def test_what_is_spelled_in_a_second_way_has_no_place(source: str) -> None:
    assert origin_of(source, base=BASE) is None


@pytest.mark.parametrize(
    ("pattern", "source"),
    [
        ("*", "oci://ghcr.io/acme/render"),
        ("*", "./a.wasm"),
        ("oci://*", "oci://ghcr.io/acme/render"),
        ("oci://ghcr.io/*", "oci://ghcr.io/acme/render"),
        ("oci://ghcr.io/acme/*", "oci://ghcr.io/acme/a/b:1"),
        ("oci://ghcr.io/acme/render", f"oci://ghcr.io/acme/render@{DIGEST}"),
        ("https://example.com/a/*", "https://example.com/a/b/c.wasm"),
        ("http://*", "http://127.0.0.1:8000/a.wasm"),
        ("oci-layout:*", "oci-layout:dir"),
        ("oci-layout:./*", "oci-layout:dir"),
        ("oci-layout:/srv/dir", "oci-layout:/srv/dir:1"),
        ("pypi:*", "pypi:tool==1#a.wasm"),
        ("pypi:tool", "pypi:tool==1#a.wasm"),
        ("npm:@acme/*", "npm:@acme/tool@1.0.0#a.wasm"),
        ("./tools/*", "tools/a.wasm"),
        ("./*", "a.wasm"),
        ("/*", "a.wasm"),
        ("./a.wasm", "./b/../a.wasm"),
        ("/opt/tools/*", "/opt/tools/x/a.wasm"),
    ],
)
def test_a_pattern_matches_the_places_it_names(pattern: str, source: str) -> None:
    origin = origin_of(source, base=BASE)

    assert origin is not None
    assert parse_pattern(pattern, base=BASE).matches(origin)


@pytest.mark.parametrize(
    ("pattern", "source"),
    [
        ("oci://ghcr.io/*", "oci://ghcr.io.evil.example/acme/render"),
        ("oci://ghcr.io/*", "oci://evil.example/ghcr.io/acme/render"),
        ("oci://ghcr.io/*", "oci://ghcr.io:5000/acme/render"),
        ("oci://ghcr.io/acme/*", "oci://ghcr.io/acme-evil/render"),
        ("oci://ghcr.io/acme/*", "oci://ghcr.io/acme"),
        ("oci://ghcr.io/acme/render", "oci://ghcr.io/acme/render2"),
        ("oci://ghcr.io/acme/render", "oci://ghcr.io/acme/render/more"),
        ("https://example.com/*", "http://example.com/a.wasm"),
        ("https://*", "oci://ghcr.io/acme/render"),
        ("npm:@acme/*", "npm:@acme-evil/tool@1.0.0"),
        ("npm:tool", "npm:tool2@1.0.0"),
        ("pypi:tool", "npm:tool@1.0.0"),
        ("./tools/*", "./tools/../evil.wasm"),
        ("./tools/*", "./tools2/evil.wasm"),
        ("/srv/*", "oci-layout:/srv/dir"),
        ("./a.wasm", "./A.wasm"),
    ],
)
def test_what_only_looks_like_it_is_not_matched(pattern: str, source: str) -> None:
    origin = origin_of(source, base=BASE)

    assert origin is not None
    assert not parse_pattern(pattern, base=BASE).matches(origin)


@pytest.mark.parametrize(
    "pattern",
    [
        "oci://ghcr.io*",
        "oci://ghcr.io/acme*",
        "oci://*.io/acme/*",
        "oci://ghcr.io/*/render",
        "oci://ghcr.io/acme/**",
        "oci://ghcr.io/acme/render:1.0",
        f"oci://ghcr.io/acme/render@{DIGEST}",
        "oci://GHCR.io/*",
        "oci://ghcr.io/Acme/*",
        "oci://ghcr.io:443/*",
        "oci://ghcr.io/acme/../*",
        "oci://ghcr.io//*",
        "oci://",
        "oci://ghcr.io/",
        "oci:*",
        "https://example.com/%61/*",
        f"https://example.com/a@{DIGEST}",
        "pypi:Some_Tool",
        "pypi:tool==1.0",
        "pypi:t*",
        "npm:@acme*",
        "npm:tool@1.0.0",
        "oci-layout:dir",
        "oci-layout:./dir:1.0",
        "file:*",
        "tools/*",
        "render",
        "../*",
        "./a/../b",
        "./a//b",
        "./",
        "/",
        "./a/",
        "./a\0b",
        "**",
        "",
    ],
)
def test_a_pattern_that_could_be_read_in_two_ways_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_pattern(pattern, base=BASE)


parts = st.sampled_from(
    [
        "ghcr.io",
        "GHCR.io",
        "acme",
        "acme-evil",
        "..",
        ".",
        "",
        "a%2Fb",
        "x:5000",
        "[::1]",
        "a b",
        "é",
    ]
)
ends = st.sampled_from(["", ":1.0", f"@{DIGEST}", "#a.wasm", "==1.0#a.wasm", "@1.0.0#a.wasm", "?q"])
schemes = st.sampled_from(
    ["oci://", "https://", "http://", "pypi:", "npm:", "npm:@", "oci-layout:"]
)
sources = st.one_of(
    st.builds(
        lambda scheme, path, end: scheme + "/".join(path) + end,
        schemes,
        st.lists(parts, min_size=1, max_size=4),
        ends,
    ),
    st.text("oci://ab.:@%#", max_size=20),
)


@given(sources, sources)
@example("", f"https://ghcr.io/@{DIGEST}")
def test_two_sources_the_registry_fetches_are_one_place_only_if_they_differ_in_version(
    one: str, other: str
) -> None:
    places = {source: origin_of(source, base=BASE) for source in (one, other)}

    for source, place in places.items():
        if place is not None and not place.startswith("/"):
            assert origin_of(source.partition("@sha256:")[0], base=BASE) == place
    if places[one] == places[other] is not None:
        assert bare(one) == bare(other)


def bare(source: str) -> object:
    """What the registry would ask for, without version and digest; None if it would refuse."""
    try:
        reference = parse_reference(source)
    except ConfigError:
        return None
    kept = ("authority", "path", "registry", "repository", "directory", "name")
    return {key: getattr(reference, key) for key in kept if hasattr(reference, key)}


@given(sources)
def test_no_place_that_the_registry_fetches_is_matched_by_a_pattern_for_another(
    source: str,
) -> None:
    reference = bare(source)
    origin = origin_of(source, base=BASE)

    matched = origin is not None and parse_pattern("oci://ghcr.io/acme/*", base=BASE).matches(
        origin
    )

    if matched and isinstance(reference, dict):
        assert reference["registry"] == "ghcr.io"
        assert reference["repository"].startswith("acme/")


origins = st.text("ab/", min_size=1, max_size=6)


@given(origins, st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1))
def test_of_the_patterns_that_match_one_place_exactly_one_is_the_most_specific(
    origin: str, cuts: list[tuple[int, bool]]
) -> None:
    patterns = {
        Pattern(literal=origin if is_exact else origin[:cut], is_exact=is_exact)
        for cut, is_exact in cuts
    }

    assert all(pattern.matches(origin) for pattern in patterns)
    assert len({pattern.specificity for pattern in patterns}) == len(patterns)
