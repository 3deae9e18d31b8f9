"""Secrets go to one origin, put there by the broker, and to nobody else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from egress_calls import access, admitted, bound, grant
from egress_servers import Authority, FakeResolver, echo, redirecting, serving

from hatchway.core.egress import Route
from hatchway.core.secret import Secret
from hatchway.egress import hopping
from hatchway.egress.asking import Question
from hatchway.egress.headers import with_secrets
from hatchway.policy.egress import read_target

if TYPE_CHECKING:
    from pathlib import Path

NAME, OTHER = "api.example.test", "sub.api.example.test"
TABLE = {NAME: ["127.0.0.1"], OTHER: ["127.0.0.1"]}
VALUE = "s3cret-value"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.claim("egress.secrets")
def test_a_secret_takes_the_place_of_whatever_the_guest_wrote(authority: Authority) -> None:
    with serving(echo, tls=authority.context(NAME)) as origin:
        url = f"https://{NAME}:{origin.port}"
        granted = grant(
            f"{url};internal",
            secrets=[bound(url), bound(url, header="X-Api-Key", template="{}")],
            route=Route(authorities=authority.file),
        )
        headers = (
            ("Authorization", b"Bearer mine"), ("AUTHORIZATION", b"again"),
            ("x_api_key", b"mine"), ("X-API-KEY", b"mine"), ("x-other", b"stays"),
        )  # fmt: skip
        with admitted(granted, FakeResolver(TABLE)) as call:
            call.ask("GET", url, headers=headers)

    heard = origin.heard[0]
    assert heard.fields("authorization") == [f"Bearer {VALUE}"]
    assert heard.fields("x-api-key") == [VALUE]
    assert "x_api_key" not in heard.names
    assert heard.field("x-other") == "stays"


def test_a_secret_is_in_nothing_that_is_written_down(authority: Authority) -> None:
    with serving(echo, tls=authority.context(NAME)) as origin:
        url = f"https://{NAME}:{origin.port}"
        granted = grant(
            f"{url};internal", secrets=[bound(url)], route=Route(authorities=authority.file)
        )
        with admitted(granted, FakeResolver(TABLE)) as call:
            call.ask("GET", url)

    assert origin.heard[0].field("authorization") == f"Bearer {VALUE}"
    assert VALUE not in call.events.text
    assert VALUE not in repr(granted)


@pytest.mark.claim("egress.secrets")
def test_another_port_another_name_and_clear_text_get_no_secret(authority: Authority) -> None:
    with (
        serving(echo, tls=authority.context(NAME, OTHER)) as its_own,
        serving(echo, tls=authority.context(NAME)) as beside,
        serving(echo) as clear,
    ):
        url = f"https://{NAME}:{its_own.port}"
        others = [
            f"https://{OTHER}:{its_own.port}",
            f"https://{NAME}:{beside.port}",
            f"http://{NAME}:{clear.port}",
        ]
        granted = grant(
            *(f"{each};internal" for each in (url, *others)),
            secrets=[bound(url)],
            route=Route(authorities=authority.file),
        )
        with admitted(granted, FakeResolver(TABLE)) as call:
            assert call.ask("GET", url).status == 200
            for other in others:
                assert call.ask("GET", other).status == 200

    heard = [*its_own.heard, *beside.heard, *clear.heard]
    assert [one.field("authorization") for one in heard] == [f"Bearer {VALUE}", None, None, None]


@pytest.mark.claim("egress.secrets")
def test_a_redirect_carries_no_secret_to_another_origin(authority: Authority) -> None:
    with serving(echo, tls=authority.context(NAME)) as elsewhere:
        there = f"https://{NAME}:{elsewhere.port}"
        with serving(redirecting(f"{there}/x"), tls=authority.context(NAME)) as origin:
            url = f"https://{NAME}:{origin.port}"
            granted = grant(
                f"{url};internal",
                f"{there};internal",
                secrets=[bound(url), bound(url, header="x-key", template="{}")],
                route=Route(authorities=authority.file),
            )
            headers = (("cookie", b"a=b"), ("authorization", b"mine"), ("x-other", b"stays"))
            with admitted(granted, FakeResolver(TABLE)) as call:
                answer = call.ask("GET", url, headers=headers, redirects=1)

    assert answer.status == 200
    assert origin.heard[0].field("authorization") == f"Bearer {VALUE}"
    assert not elsewhere.heard[0].names & {"authorization", "x-key", "cookie"}
    assert elsewhere.heard[0].field("x-other") == "stays"


def test_in_clear_text_a_secret_goes_to_an_internal_origin_only() -> None:
    with serving(echo) as origin:
        url = origin.url
        with admitted(grant(f"{url};internal", secrets=[bound(url)])) as call:
            call.ask("GET", url)

    assert origin.heard[0].field("authorization") == f"Bearer {VALUE}"


def test_in_clear_text_a_public_origin_gets_none() -> None:
    target = read_target("GET", "http", NAME, "/")
    secret = bound(f"http://{NAME}")

    assert with_secrets([], [secret], target, access(f"http://{NAME}")) == []
    assert with_secrets([], [secret], target, access(f"http://{NAME};internal")) == [
        (b"authorization", f"Bearer {VALUE}".encode())
    ]


@pytest.mark.claim("egress.secrets")
def test_a_certificate_that_does_not_fit_gets_no_secret(authority: Authority) -> None:
    with serving(echo, tls=authority.context("evil.example")) as origin:
        url = f"https://{NAME}:{origin.port}"
        granted = grant(
            f"{url};internal", secrets=[bound(url)], route=Route(authorities=authority.file)
        )
        with admitted(granted, FakeResolver(TABLE)) as call:
            answer = call.ask("GET", url)

    assert answer.error == "TLS-certificate-error"
    assert origin.heard == []


def test_a_secret_is_sent_without_the_white_space_around_it() -> None:
    target = read_target("GET", "https", NAME, "/")
    secret = replace(bound(f"https://{NAME}"), secret=Secret("value "))

    fields = with_secrets([], [secret], target, access(f"https://{NAME}"))

    assert fields == [(b"authorization", b"Bearer value")]


def test_a_field_that_cannot_be_sent_is_not_repeated_in_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unsendable = [(b"authorization", b"Bearer s3cret-value\0")]
    monkeypatch.setattr(hopping, "with_secrets", lambda *_: unsendable)
    with serving(echo) as origin, admitted(grant(f"{origin.url};internal")) as call:
        answer = call.ask("GET", origin.url)

    assert (answer.error, answer.rule) == ("HTTP-protocol-error", "egress.bad_request")
    assert VALUE not in call.events.text


def test_what_is_decided_can_be_shown_without_the_secrets_in_it() -> None:
    target = read_target("GET", "https", NAME, "/")
    fields = [(b"authorization", VALUE.encode())]
    decided = hopping.Decided(
        target=target, access=access(f"https://{NAME}"), fields=fields, length=None
    )
    question = Question(target=target, fields=fields, length=None, body=None)

    assert VALUE not in repr(decided) + repr(question)
