"""Redirects: every hop is a request of its own, decided about like the first."""

from __future__ import annotations

import pytest
from egress_calls import admitted, grant, request_to
from egress_servers import (
    FakeResolver,
    Heard,
    Reply,
    echo,
    redirecting,
    serving,
)

from hatchway.egress.redirects import Asked, followed, location_of
from hatchway.policy.egress import read_target

NAME = "api.example.test"


def test_a_redirect_nobody_asked_to_follow_is_the_answer() -> None:
    with (
        serving(redirecting("http://169.254.169.254/")) as origin,
        admitted(grant(f"{origin.url};internal")) as call,
    ):
        answer = call.ask("GET", origin.url)

    assert answer.status == 302
    assert answer.field("location") == [b"http://169.254.169.254/"]
    assert answer.body == b"elsewhere"
    assert len(call.events) == 1


@pytest.mark.claim("egress.redirects")
@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
        "http://metadata.google.internal/",
        "//127.0.0.1/",
        "http://localhost/",
        "http://0x7f000001/",
        "https://api.example.test@127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "http:/\\127.0.0.1/",
    ],
)
def test_a_redirect_to_what_was_not_granted_is_denied(location: str) -> None:
    with (
        serving(redirecting(location)) as origin,
        admitted(grant(f"{origin.url}/;internal"), FakeResolver({})) as call,
    ):
        answer = call.ask("GET", origin.url, redirects=5)

    assert answer.error == "HTTP-request-denied"
    assert [event.decision for event in call.events] == ["allowed", "denied"]
    assert len(origin.heard) == 1


@pytest.mark.claim("egress.redirects")
def test_a_granted_name_that_leads_inside_is_refused_behind_a_redirect_too() -> None:
    with serving(echo) as inside:
        there = f"http://{NAME}:{inside.port}"
        with serving(redirecting(there)) as origin:
            granted = grant(f"{origin.url};internal", there)
            with admitted(granted, FakeResolver({NAME: ["127.0.0.1"]})) as call:
                answer = call.ask("GET", origin.url, redirects=5)

    assert answer.rule == "egress.forbidden_address"
    assert inside.connections == 0


def test_every_hop_is_resolved_anew_and_recorded() -> None:
    steps = {"/": "/two", "/two": "three?x=1"}

    def answer(heard: Heard) -> Reply:
        to = steps.get(heard.target)
        return Reply(status=307, headers=[("location", to)]) if to else echo(heard)

    with serving(answer) as origin:
        url = f"http://{NAME}:{origin.port}"
        resolver = FakeResolver({NAME: ["127.0.0.1"]})
        with admitted(grant(f"{url};internal"), resolver) as call:
            got = call.ask("GET", url, redirects=5)

    assert got.head is not None
    assert got.head.url == f"{url}/three?x=1"
    assert resolver.asked == [NAME] * 3
    assert [call.events[at].status for at in range(3)] == [307, 307, 200]
    assert len({call.events[at].path_digest for at in range(3)}) == 3


def test_a_loop_ends_with_the_number_that_was_asked_for() -> None:
    with (
        serving(redirecting("/again")) as origin,
        admitted(grant(f"{origin.url};internal")) as call,
    ):
        answer = call.ask("GET", origin.url, redirects=3)

    assert answer.status == 302
    assert len(origin.heard) == 4


def test_nobody_is_followed_for_ever() -> None:
    with (
        serving(redirecting("/again")) as origin,
        admitted(grant(f"{origin.url};internal")) as call,
    ):
        answer = call.ask("GET", origin.url, redirects=10**9)

    assert answer.status == 302
    assert len(origin.heard) == 21


@pytest.mark.parametrize(
    ("status", "method", "becomes"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "PATCH", "PATCH"),
    ],
)
def test_methods_and_bodies_change_as_in_browsers(status: int, method: str, becomes: str) -> None:
    def answer(heard: Heard) -> Reply:
        here = Reply(status=status, headers=[("location", "/there")])
        return here if heard.target == "/" else Reply()

    headers = (("content-type", b"text/plain"), ("x-kept", b"1"))
    with serving(answer) as origin, admitted(grant(f"{origin.url};internal")) as call:
        got = call.ask(method, origin.url, headers=headers, body=b"body", redirects=1)

    there = origin.heard[1]
    assert got.status == 200
    assert there.method == becomes
    assert there.body == (b"" if becomes == "GET" else b"body")
    assert ("content-type" in there.names) is (becomes != "GET")
    assert there.field("x-kept") == "1"


def test_a_body_that_was_not_kept_is_not_sent_again() -> None:
    with (
        serving(redirecting("/there", status=307)) as origin,
        admitted(grant(f"{origin.url};internal")) as call,
    ):
        answer = call.ask("POST", origin.url, body=b"x" * 100_000, redirects=5)

    assert answer.status == 307
    assert len(origin.heard) == 1


def test_a_body_that_is_still_coming_is_sent_again_from_its_beginning() -> None:
    def answer(heard: Heard) -> Reply:
        return redirecting("/there", 308)(heard) if heard.target == "/" else echo(heard)

    with (
        serving(answer) as origin,
        admitted(grant(f"{origin.url};internal")) as call,
        call.begin(request_to(origin.url, "POST", redirects=1)) as line,
    ):
        line.data(b"first ")
        line.data(b"second")
        line.end()
        got = line.answer()

    assert got.echoed["body"] == "first second"
    assert origin.heard[0].body == origin.heard[1].body


@pytest.mark.parametrize(
    "headers",
    [(), (("location", b""),), (("location", b"/a"), ("location", b"/b")), (("location", b"/ a"),)],
    ids=["none", "empty", "two", "with a space"],
)
def test_a_redirect_to_no_one_place_leads_nowhere(headers: tuple[tuple[str, bytes], ...]) -> None:
    assert location_of(302, headers) is None


def test_a_location_that_is_no_url_is_the_answer_itself() -> None:
    with (
        serving(redirecting("http://[::1")) as origin,
        admitted(grant(f"{origin.url};internal")) as call,
    ):
        assert call.ask("GET", origin.url, redirects=5).status == 302


def test_only_a_redirect_leads_somewhere() -> None:
    assert location_of(200, (("location", b"/a"),)) is None
    assert location_of(304, (("location", b"/a"),)) is None


@pytest.mark.parametrize(
    ("location", "leaves"),
    [
        ("/x", False),
        ("https://API.example.test/x", False),
        ("http://api.example.test/", True),
        ("https://api.example.test:8443/", True),
        ("https://sub.api.example.test/", True),
        ("https://u@api.example.test/", True),
    ],
)
def test_credentials_stay_where_they_were_meant_for(location: str, *, leaves: bool) -> None:
    asked = Asked(
        method="GET",
        scheme="https",
        authority=NAME,
        target="/",
        headers=(("authorization", b"mine"),),
    )

    following = followed(asked, read_target("GET", "https", NAME, "/"), 302, location)

    assert following.headers == (() if leaves else asked.headers)
