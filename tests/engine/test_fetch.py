"""`hatchway:egress/fetch`, as commands and components see it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, get_args

import pytest
from fetch_guests import FIRST, RESULTS, Script, component, fetched
from guests import grant, stop_code
from stub_broker import broker

from hatchway.core.call import Cancellation
from hatchway.core.exchange import ErrorCode, Refusal
from hatchway.core.limits import Limits
from hatchway.engine.fetch.component import MAX_BODY_BYTES
from hatchway.engine.fetch.failures import ERRNOS, case_of

if TYPE_CHECKING:
    from stub_broker import Peer

    from hatchway.core.egress import Ticket

HERE, THERE, ELSEWHERE = 4096, 8192, 12288
"""Places for texts and bodies."""
URL = "https://e.org/a?b#c"
DENIED = Refusal(
    error="HTTP-request-denied",
    rule="egress.not_granted",
    attempted="GET https://e.org",
    wanted="net.http=https://e.org",
)


def asking(url: str = URL, **fields: Any) -> bytes:
    return json.dumps({"url": url, **fields}).encode()


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def greeting(peer: Peer) -> None:
    peer.body()
    peer.reply(201, headers=(("X-A", b"\xe9"), ("connection", b"close")), body=b"hello")


# Commands


def test_a_command_sends_a_body_in_pieces_and_reads_the_answer_in_pieces() -> None:
    script = Script()
    script.do("open", asking(method="POST", headers=[["A", "b"]], redirects=2), RESULTS)
    script.do("write", FIRST, b"hello ", RESULTS + 4)
    script.do("write", FIRST, b"world", RESULTS + 8)
    script.do("write", FIRST, b"", RESULTS + 12)
    script.do("send", FIRST, RESULTS + 16)
    script.do("read", FIRST, HERE, 6, RESULTS + 20)
    script.do("read", FIRST, THERE, 100, RESULTS + 24)
    script.do("read", FIRST, ELSEWHERE, 100, RESULTS + 28)
    script.do("error", FIRST, ELSEWHERE, 100, RESULTS + 32)
    script.do("close", FIRST)

    with broker() as peer:
        told = script.run(peer.ticket)

    assert told.errnos == [0] * 10
    assert [told.number(RESULTS + 4 * index) for index in range(9)] == [
        FIRST, 6, 5, 0, 200, 6, 5, 0, 0,
    ]  # fmt: skip
    assert told.memory[HERE : HERE + 7] == b"hello \0"
    assert told.memory[THERE : THERE + 6] == b"world\0"
    (head,) = peer.heads
    assert (head.method, head.scheme, head.authority, head.target) == (
        "POST", "https", "e.org", "/a?b",
    )  # fmt: skip
    assert (head.headers, head.redirects) == ((("a", b"b"),), 2)


def test_a_command_learns_status_url_and_headers_that_are_for_guests() -> None:
    script = Script()
    script.do("open", asking(), RESULTS)
    script.do("send", FIRST, RESULTS + 4)
    script.do("head", FIRST, HERE, 0, RESULTS + 8)
    script.do("head", FIRST, HERE, 500, RESULTS + 12)

    with broker(greeting) as peer:
        told = script.run(peer.ticket)

    assert told.errnos == [0, 0, 61, 0]
    assert told.number(RESULTS + 4) == 201
    size = told.number(RESULTS + 12)
    assert size == told.number(RESULTS + 8)
    head = told.memory[HERE : HERE + size].decode()
    assert json.loads(head) == {"status": 201, "url": "", "headers": [["x-a", "é"]]}


def test_a_command_may_hold_several_requests() -> None:
    script = Script()
    for number in range(3):
        script.do("open", asking(method="POST"), RESULTS)
        script.do("write", FIRST + number, f"body {number}".encode(), RESULTS)
    for number in (1, 0, 2):
        script.do("send", FIRST + number, RESULTS)
        script.do("read", FIRST + number, HERE + 16 * number, 16, RESULTS)

    with broker() as peer:
        told = script.run(peer.ticket)

    assert set(told.errnos) == {0}
    assert [told.memory[HERE + 16 * number :][:6] for number in range(3)] == [
        b"body 0", b"body 1", b"body 2",
    ]  # fmt: skip


def test_a_command_without_any_grant_is_denied_and_the_attempt_is_recorded() -> None:
    script = Script()
    script.do("open", asking("https://e.org:8443/secret?path", method="PUT"), RESULTS)
    script.do("open", asking("https://user@e.org/"), RESULTS)
    script.do("open", asking("nonsense"), RESULTS)
    script.do("send", FIRST, RESULTS)

    told = script.run(None)

    assert told.errnos == [76, 76, 76, 8]
    assert [(item.attempted, item.wanted) for item in told.execution.denials] == [
        ("PUT https://e.org:8443", "net.http=https://e.org:8443"),
        ("GET https://user@e.org", ""),
        ("GET https://", ""),
    ]
    assert {(item.capability, item.function) for item in told.execution.denials} == {
        ("net.http", "hatchway_fetch_0_1.open")
    }


def test_a_denial_of_the_broker_is_recorded_with_the_grant_that_would_allow_it() -> None:
    script = Script()
    script.do("open", asking(), RESULTS)
    script.do("send", FIRST, RESULTS)
    script.do("error", FIRST, HERE, 100, RESULTS)
    script.do("head", FIRST, HERE, 100, RESULTS + 4)

    with broker(lambda peer: peer.refuse(DENIED)) as peer:
        told = script.run(peer.ticket)

    assert told.errnos == [0, 76, 0, 28]
    assert told.memory[HERE : HERE + told.number(RESULTS)] == b"HTTP-request-denied"
    (denial,) = told.execution.denials
    assert (denial.attempted, denial.wanted) == ("GET https://e.org", "net.http=https://e.org")


@pytest.mark.parametrize("error", get_args(ErrorCode))
def test_every_failure_has_its_number_and_its_case(error: ErrorCode) -> None:
    script = Script()
    script.do("open", asking(), RESULTS)
    script.do("send", FIRST, RESULTS)
    script.do("send", FIRST, RESULTS)

    with broker(lambda peer: peer.refuse(Refusal(error=error, rule="egress.x"))) as peer:
        told = script.run(peer.ticket)
        execution = fetched(URL, ticket=peer.ticket)

    assert told.errnos == [0, ERRNOS[error], ERRNOS[error]]
    case, words = case_of(error)
    assert execution.value == {"tag": case, **({} if words is None else {"value": words})}
    assert (told.execution.denials, execution.denials) == ((), ())


def test_a_response_that_breaks_off_is_read_up_to_there() -> None:
    def broken(peer: Peer) -> None:
        peer.reply(body=None)
        peer.send(b"half")
        peer.refuse(Refusal(error="HTTP-response-incomplete", rule="egress.x"))

    script = Script()
    script.do("open", asking(), RESULTS)
    script.do("send", FIRST, RESULTS)
    script.do("read", FIRST, HERE, 100, RESULTS + 4)
    script.do("read", FIRST, THERE, 100, RESULTS + 8)

    with broker(broken) as peer:
        told = script.run(peer.ticket)
        execution = fetched(URL, ticket=peer.ticket)

    assert told.errnos == [0, 0, 0, 15]
    assert told.memory[HERE : HERE + 5] == b"half\0"
    assert execution.value == {"tag": "unreachable", "value": "HTTP-response-incomplete"}


def test_a_body_of_another_length_than_was_said_is_cut_off() -> None:
    length = [["content-length", "5"]]
    script = Script()
    script.do("open", asking(method="POST", headers=length), RESULTS)
    script.do("write", FIRST, b"hello", RESULTS)
    script.do("send", FIRST, RESULTS)
    script.do("open", asking(method="POST", headers=length), RESULTS)
    script.do("write", FIRST + 1, b"hello!", RESULTS)
    script.do("open", asking(method="POST", headers=length), RESULTS)
    script.do("write", FIRST + 2, b"hell", RESULTS)
    script.do("send", FIRST + 2, RESULTS)

    with broker() as peer:
        told = script.run(peer.ticket)

    assert told.errnos == [0, 0, 0, 0, 35, 0, 0, 35]


def test_a_body_larger_than_any_buffer_flows_through() -> None:
    block = bytes(range(256)) * 400
    script = Script()
    script.do("open", asking(method="POST"), RESULTS)
    for _ in range(40):
        script.do("write", FIRST, block, RESULTS)
    script.do("send", FIRST, RESULTS)

    def counting(peer: Peer) -> None:
        peer.reply(body=b"%d" % sum(map(len, peer.parts())))

    script.do("read", FIRST, HERE, 100, RESULTS)
    with broker(counting) as peer:
        told = script.run(peer.ticket)

    assert set(told.errnos) == {0}
    taken = int(told.memory[HERE : HERE + told.number(RESULTS)])
    # A write may take less than it is given; never nothing.
    assert 40 <= taken <= 40 * len(block)


# Components


def test_a_component_fetches_in_one_call() -> None:
    with broker(greeting) as peer:
        execution = fetched(
            URL, ticket=peer.ticket, method="POST", body=text(b"body"), headers=[["A", "ü"]]
        )

    assert execution.value == {
        "status": 201,
        "url": "",
        "headers": [["x-a", "é"]],
        "body": text(b"hello"),
    }
    (head,) = peer.heads
    assert head.headers == (("a", b"\xfc"), ("content-length", b"4"))


def test_a_component_without_any_grant_is_denied_and_the_attempt_is_recorded() -> None:
    execution = fetched("https://E.org/", ticket=None)
    plain = fetched("https://e.org/", ticket=None)

    assert (execution.failed, execution.value) == (True, {"tag": "denied"})
    (denial,) = plain.denials
    assert (denial.capability, denial.attempted, denial.wanted, denial.function) == (
        "net.http",
        "GET https://e.org",
        "net.http=https://e.org",
        "hatchway:egress/fetch@0.1.0#fetch",
    )
    assert execution.denials[0].wanted == ""


def test_a_denial_of_the_broker_reaches_a_component_as_a_denial() -> None:
    with broker(lambda peer: peer.refuse(DENIED)) as peer:
        execution = fetched(URL, ticket=peer.ticket)

    assert execution.value == {"tag": "denied"}
    (denial,) = execution.denials
    assert denial.wanted == "net.http=https://e.org"


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"headers": [["a", "b\n"]]}, "the header a has a character that cannot be sent"),
        ({"headers": [["host", "b"]]}, "the header host is not for a guest to set"),
        ({"redirects": 6}, "redirects must be 0 to 5, got 6"),
    ],
)
def test_a_component_is_told_what_is_wrong_with_its_request(
    parts: dict[str, Any], reason: str
) -> None:
    with broker() as peer:
        execution = fetched(URL, ticket=peer.ticket, **parts)

    assert execution.value == {"tag": "invalid", "value": reason}
    assert peer.heads == []


def test_whole_bodies_may_have_two_mebibytes() -> None:
    most = b"x" * MAX_BODY_BYTES
    patient = grant(limits=Limits(output_bytes=4 << 20, deadline_seconds=60))

    def post(ticket: Ticket, body: bytes) -> Any:
        return fetched(URL, ticket=ticket, granted=patient, method="POST", body=text(body)).value

    with broker() as peer:
        whole = post(peer.ticket, most)
        sent = post(peer.ticket, most + b"x")
    with broker(lambda peer: peer.reply(body=most + b"x")) as peer:
        got = post(peer.ticket, b"")

    assert whole["body"] == text(most)
    assert sent == got == {"tag": "too-large"}


def test_texts_that_are_too_long_are_too_large() -> None:
    many = [["a", ""]] * 2000

    with broker() as peer:
        for parts in ({"headers": many}, {"headers": many * 2}, {"method": "x" * 70_000}):
            execution = fetched(URL, ticket=peer.ticket, **parts)
            assert execution.value == {"tag": "too-large"}

    assert peer.heads == []


@pytest.mark.parametrize("version", ["0.1.0", "0.1.1", "0.1.99"])
def test_later_versions_that_fit_are_served_by_the_same_function(version: str) -> None:
    execution = fetched(URL, ticket=None, guest=component(version))

    (denial,) = execution.denials
    assert denial.function == f"hatchway:egress/fetch@{version}#fetch"


# Time


def silent(peer: Peer) -> None:
    peer.wait_until_gone()


def test_a_guest_that_waits_for_an_answer_ends_at_its_deadline_and_hangs_up() -> None:
    script = Script()
    script.do("open", asking(), RESULTS)
    script.do("send", FIRST, RESULTS)
    short = grant(limits=Limits(deadline_seconds=0.2))

    with broker(silent) as peer:
        told = script.run(peer.ticket, short)
        execution = fetched(URL, ticket=peer.ticket, granted=short)

    assert stop_code(told.execution) == "guest.deadline_exceeded"
    assert stop_code(execution) == "guest.deadline_exceeded"


def test_a_guest_that_waits_ends_when_it_is_cancelled() -> None:
    script = Script()
    script.do("open", asking(), RESULTS)
    script.do("send", FIRST, RESULTS)
    cancellation = Cancellation()

    def cancelling(peer: Peer) -> None:
        cancellation.request()
        peer.wait_until_gone()

    with broker(cancelling) as peer:
        told = script.run(peer.ticket, cancellation=cancellation)

    assert stop_code(told.execution) == "call.cancelled"
