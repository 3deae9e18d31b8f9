"""Whom TLS believes, and that the environment has no say in anything."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from egress_calls import admitted, grant
from egress_servers import Authority, FakeResolver, echo, saying, serving, serving_raw

from hatchway.core.egress import Route
from hatchway.egress import trusting
from hatchway.egress.trusting import Authorities

if TYPE_CHECKING:
    from egress_calls import Answer

NAME = "api.example.test"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def asked(context: ssl.SSLContext, route: Route, host: str = NAME) -> Answer:
    """What one request to an echo server with this certificate brings."""
    with serving(echo, tls=context) as origin:
        url = f"https://{host}:{origin.port}"
        with admitted(
            grant(f"{url};internal", route=route), FakeResolver({NAME: ["127.0.0.1"]})
        ) as call:
            return call.ask("GET", url)


def test_a_certificate_for_the_name_that_was_granted_is_believed(authority: Authority) -> None:
    assert asked(authority.context(NAME), Route(authorities=authority.file)).status == 200


def test_a_certificate_for_the_address_that_was_granted_is_believed(authority: Authority) -> None:
    answer = asked(authority.context("127.0.0.1"), Route(authorities=authority.file), "127.0.0.1")

    assert answer.status == 200


@pytest.mark.parametrize(
    "host", ["other.example.test", "127.0.0.1", "*.other.test", "example.test"]
)
def test_a_certificate_for_another_name_is_not(authority: Authority, host: str) -> None:
    answer = asked(authority.context(host), Route(authorities=authority.file))

    assert (answer.error, answer.rule) == ("TLS-certificate-error", "egress.certificate")


def test_an_expired_certificate_is_not(authority: Authority) -> None:
    context = authority.context(NAME, is_expired=True)

    assert asked(context, Route(authorities=authority.file)).error == "TLS-certificate-error"


def test_a_certificate_of_nobody_we_know_is_not(authority: Authority) -> None:
    assert asked(authority.context(NAME), Route()).error == "TLS-certificate-error"


def test_an_old_protocol_is_not_spoken(authority: Authority) -> None:
    context = authority.context(NAME)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1

    answer = asked(context, Route(authorities=authority.file))

    assert answer.error in {"TLS-protocol-error", "connection-terminated"}


def test_a_server_that_speaks_no_tls_is_a_protocol_error() -> None:
    with serving_raw(saying(b"HTTP/1.1 400 No\r\n\r\n")) as origin:
        url = f"https://127.0.0.1:{origin.port}"
        with admitted(grant(f"{url};internal")) as call:
            answer = call.ask("GET", url)

    assert answer.error in {"TLS-protocol-error", "connection-terminated", "connection-timeout"}


def test_the_environment_names_no_authorities_no_proxy_and_no_password(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home" / ".netrc").write_text(f"machine {NAME} login me password secret\n")
    for name, value in {
        "SSL_CERT_FILE": authority.file,
        "SSL_CERT_DIR": str(tmp_path),
        "REQUESTS_CA_BUNDLE": authority.file,
        "CURL_CA_BUNDLE": authority.file,
        "SSLKEYLOGFILE": str(tmp_path / "keys"),
        "NETRC": str(tmp_path / "home" / ".netrc"),
        "HTTP_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "ALL_PROXY": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)

    unknown = asked(authority.context(NAME), Route())
    known = asked(authority.context(NAME), Route(authorities=authority.file))

    assert unknown.error == "TLS-certificate-error"
    assert known.status == 200
    assert not {"authorization", "proxy-authorization"} & {
        name for name, _ in known.echoed["headers"]
    }
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "empty"])
def test_authorities_that_cannot_be_read_are_nobody(
    authority: Authority, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "bundle.pem"
    if content is not None:
        file.write_text(content)

    answer = asked(authority.context(NAME), Route(authorities=str(file)))

    assert (answer.error, answer.rule) == ("TLS-certificate-error", "egress.authorities")


def test_authorities_are_read_again_when_their_file_changes(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    file = Authority(first).file
    other = Path(Authority(second).file)
    authorities = Authorities()

    one = asyncio.run(authorities.context(file))
    same = asyncio.run(authorities.context(file))
    Path(file).write_bytes(other.read_bytes() + b"\n")
    new = asyncio.run(authorities.context(file))

    assert one is same
    assert new is not one


def test_the_systems_own_authorities_are_found_where_systems_keep_them(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = ssl.DefaultVerifyPaths(None, None, "", "/nowhere", "", "/nowhere")  # type: ignore[arg-type]
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nowhere)
    monkeypatch.setattr(trusting, "_USUAL_FILES", (authority.file,))
    found = trusting._context(None)
    monkeypatch.setattr(trusting, "_USUAL_FILES", ())
    nobody = trusting._context(None)

    assert len(found.get_ca_certs()) == 1
    assert nobody.get_ca_certs() == []
    assert nobody.verify_mode is ssl.CERT_REQUIRED
