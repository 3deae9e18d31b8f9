"""Where evidence stands: files, lines and bytes."""

from __future__ import annotations

import string
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.audit.finding import Evidence
from hatchway.audit.places import Place, Places, anchor_of, place_of
from hatchway.policy.positions import key_lines

MANIFEST = """purpose = "Reads the text of a PDF"
requires = [
  { capability = "clock", reason = "stamps the report" },
]

[annotations]
readOnlyHint = true
"""

POLICY = """version = 1

[tools.pdf]
source = "./pdf.wasm"
allow = [
  "clock",
  "fs.write=/srv/docs",
]
"""

BARE = Places(tool="pdf", artifact_file="tools/pdf.wasm")
WITH_POLICY = Places(
    tool="pdf",
    artifact_file="tools/pdf.wasm",
    policy_file="hatchway.toml",
    policy_lines=key_lines(POLICY),
)
WITH_BOTH = Places(
    tool="pdf",
    artifact_file="tools/pdf.wasm",
    manifest_file="tools/pdf.tool.toml",
    manifest_lines=key_lines(MANIFEST),
    policy_file="hatchway.toml",
    policy_lines=key_lines(POLICY),
)

HINT = Evidence(kind="manifest", detail="true", field=("annotations", "readOnlyHint"))
GRANT = Evidence(kind="policy", detail="fs.write=/srv/docs", field=("tools", "pdf", "allow", 1))
LIMIT = Evidence(kind="policy", detail="fuel", field=("tools", "pdf", "limits", "fuel"))
SOCKET = Evidence(kind="import", detail="wasi:sockets/tcp@0.2.3#connect", offset=450)


def test_a_key_of_the_manifest_is_a_line_of_the_sidecar() -> None:
    assert place_of(HINT, WITH_BOTH) == Place(file="tools/pdf.tool.toml", line=7)


def test_an_element_of_a_policy_is_the_line_it_stands_on() -> None:
    assert place_of(GRANT, WITH_BOTH) == Place(file="hatchway.toml", line=7)


def test_what_the_policy_leaves_out_is_the_line_of_the_tools_entry() -> None:
    nothing_narrower = Evidence(kind="policy", detail="no entry says so")

    assert place_of(LIMIT, WITH_BOTH) == Place(file="hatchway.toml", line=3)
    assert place_of(nothing_narrower, WITH_BOTH) == Place(file="hatchway.toml", line=3)


def test_what_the_manifest_leaves_out_is_its_first_line() -> None:
    missing = Evidence(kind="manifest", detail="no version", field=("version",))

    assert place_of(missing, WITH_BOTH) == Place(file="tools/pdf.tool.toml", line=1)


def test_an_import_is_bytes_of_the_artifact() -> None:
    assert place_of(SOCKET, WITH_BOTH) == Place(file="tools/pdf.wasm", offset=450)


@pytest.mark.parametrize("evidence", [HINT, GRANT], ids=lambda evidence: evidence.kind)
def test_a_text_that_is_in_no_file_is_the_artifact_as_a_whole(evidence: Evidence) -> None:
    assert place_of(evidence, BARE) == Place(file="tools/pdf.wasm")


def test_a_finding_is_shown_at_the_first_text_of_its_evidence() -> None:
    place = anchor_of((SOCKET, GRANT, HINT), WITH_BOTH)

    assert place == Place(file="hatchway.toml", line=7)


def test_a_finding_about_the_binary_alone_is_shown_at_its_sidecar() -> None:
    assert anchor_of((SOCKET,), WITH_BOTH) == Place(file="tools/pdf.tool.toml", line=1)


def test_without_a_sidecar_it_is_shown_where_the_policy_names_the_artifact() -> None:
    assert anchor_of((SOCKET,), WITH_POLICY) == Place(file="hatchway.toml", line=4)
    assert anchor_of((HINT,), WITH_POLICY) == Place(file="hatchway.toml", line=4)


def test_without_any_text_it_is_shown_at_the_binary() -> None:
    assert anchor_of((SOCKET, HINT), BARE) == Place(file="tools/pdf.wasm", line=1)
    assert anchor_of((), BARE) == Place(file="tools/pdf.wasm", line=1)


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("tools/pdf.wasm", "tools/pdf.wasm"),
        ("a b/100%#?.wasm", "a%20b/100%25%23%3F.wasm"),
        ("javascript:alert(1).wasm", "javascript%3Aalert%281%29.wasm"),
        ("\udcff.wasm", "%FF.wasm"),
        ("/srv/tools/pdf.wasm", "file:///srv/tools/pdf.wasm"),
        ("../pdf.wasm", "../pdf.wasm"),
    ],
)
def test_a_path_becomes_a_uri(file: str, uri: str) -> None:
    assert Place(file=file).uri == uri


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_a_uri_is_plain_and_leads_back_to_the_path(file: str) -> None:
    uri = Place(file=file).uri

    assert set(uri) <= set(string.ascii_letters + string.digits + "-._~%/:")
    assert unquote_to_bytes(urlsplit(uri).path) == file.encode()
