"""What the segments of a path are, and which paths have none that all servers agree about."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient

from hatchway.policy.segments import plain_segments


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("/", ()),
        ("/a", ("a",)),
        ("/a/", ("a",)),
        ("/a/b.c/.d/e..f", ("a", "b.c", ".d", "e..f")),
        ("/a%20b/%41/caf%C3%A9", ("a b", "A", "café")),
        ("/100%25", ("100%",)),
        ("/a;b=c/d", ("a;b=c", "d")),
    ],
)
def test_a_plain_path_has_segments_that_are_decoded_once(
    path: str, segments: tuple[str, ...]
) -> None:
    assert plain_segments(path) == segments


@pytest.mark.parametrize("path", ["/\ud800", "//", "/a//", "/.", "/a/.."])
def test_another_path_has_none(path: str) -> None:
    assert plain_segments(path) is None


@patient
@given(st.text("/.;%2fFeE5cC ab\\", max_size=24))
def test_no_server_finds_dots_or_slashes_in_what_is_plain(path: str) -> None:
    segments = plain_segments(f"/{path}")

    if segments is not None:
        assert not {"", ".", ".."} & {each.partition(";")[0].strip() for each in segments}
        assert not any(set("/\\") & set(each) for each in segments)


@patient
@given(st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1), max_size=4))
def test_segments_that_are_encoded_are_found_again_or_refused(segments: list[str]) -> None:
    path = "/" + "/".join(quote(each, safe="") for each in segments)

    assert plain_segments(path) in (tuple(segments), None)
