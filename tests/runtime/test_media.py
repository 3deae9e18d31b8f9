"""What a file of a guest's is shown as: its first bytes and its name must agree."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.runtime.media import BYTES, IMAGES, image_in, media_type_of

PNG = b"\x89PNG\r\n\x1a\n..."
SVG = b'<?xml version="1.0"?>\n<!-- made by hand -->\n<svg xmlns="http://www.w3.org/2000/svg"/>'


@pytest.mark.parametrize(
    ("name", "data", "media_type"),
    [
        ("a.png", PNG, "image/png"),
        ("A.PNG", PNG, "image/png"),
        ("a.jpg", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("a.jpeg", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("a.gif", b"GIF89a", "image/gif"),
        ("a.webp", b"RIFF\x01\x02\x03\x04WEBPVP8 ", "image/webp"),
        ("a.svg", SVG, "image/svg+xml"),
        ("a.svg", b"\xef\xbb\xbf <svg/>", "image/svg+xml"),
        ("a.pdf", b"%PDF-1.7", "application/pdf"),
        ("a.zip", b"PK\x03\x04", "application/zip"),
        ("a.json", b"{}", "application/json"),
        ("a.csv", b"a,b", "text/csv"),
        ("a.md", b"# a", "text/markdown"),
        ("a.txt", "é".encode(), "text/plain"),
        ("a", b"", "text/plain"),
    ],
)
def test_a_file_is_what_its_bytes_and_its_name_say_together(
    name: str, data: bytes, media_type: str
) -> None:
    assert media_type_of(name, data) == media_type


@pytest.mark.parametrize(
    ("name", "data", "media_type"),
    [
        ("a.png", b"GIF89a", "text/plain"),
        ("a.png", b"<script>", "text/plain"),
        ("a.jpg", PNG, BYTES),
        ("a.txt", PNG, BYTES),
        ("a.csv", b"a\0b", BYTES),
        ("a.json", b"\xff", BYTES),
        ("a.html", b"<html><script>alert(1)</script>", "text/plain"),
        ("a.svg", b"<html><svg></svg></html>", "text/plain"),
        ("a.svg", b"<svg>\xff</svg>", BYTES),
        ("a.svg", b"<!-- --><!DOCTYPE html><svg/>", "text/plain"),
        ("png", PNG, "image/png"),
    ],
)
def test_where_they_disagree_it_is_text_or_just_bytes(
    name: str, data: bytes, media_type: str
) -> None:
    assert media_type_of(name, data) == media_type


@given(st.text(), st.binary())
def test_the_host_chooses_the_type_from_a_list(name: str, data: bytes) -> None:
    kinds = IMAGES | {BYTES, "text/plain", "text/csv", "text/markdown"}
    kinds |= {"application/json", "application/pdf", "application/zip"}

    assert media_type_of(name, data) in kinds


@given(st.binary())
def test_an_image_is_never_other_bytes_than_its_own(data: bytes) -> None:
    assert media_type_of("a.png", data) != "image/png" or data.startswith(b"\x89PNG")


def test_a_data_url_of_an_image_is_an_image() -> None:
    url = "data:image/png;base64," + base64.b64encode(PNG).decode()

    image = image_in(url)

    assert image is not None
    assert (image.media_type, image.data) == ("image/png", PNG)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "data:image/png;base64,",
        "data:image/png;base64,!!!!",
        "data:image/png;base64," + base64.b64encode(b"GIF89a").decode(),
        "data:text/html;base64," + base64.b64encode(b"<p>").decode(),
        "data:image/tiff;base64," + base64.b64encode(b"II*\0").decode(),
        "data:image/png," + base64.b64encode(PNG).decode(),
        " data:image/png;base64," + base64.b64encode(PNG).decode(),
    ],
)
def test_what_is_not_what_it_says_is_no_image(url: str) -> None:
    assert image_in(url) is None


@given(st.text())
def test_any_text_can_be_asked_whether_it_is_an_image(text: str) -> None:
    image_in(text)
    image_in(f"data:image/svg+xml;base64,{text}")
