"""One request, or one hop of it: decided about, sent to where it may go, and answered."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatchway.core.exchange import ResponseHead
from hatchway.egress.asking import Conversation, Question
from hatchway.egress.echoes import without_echoes
from hatchway.egress.headers import (
    BadFieldError,
    checked,
    declared_length,
    outgoing,
    size_of,
    with_secrets,
)
from hatchway.egress.recording import record_echo
from hatchway.egress.redirects import Asked, followed, location_of, path_of, url_of
from hatchway.egress.refusals import denied, failed
from hatchway.policy.egress import NotARequestError, judge, read_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.core.capability import HttpAccess
    from hatchway.core.exchange import Headers, Refusal
    from hatchway.egress.body import RequestBody
    from hatchway.egress.framing import GuestSide
    from hatchway.egress.headers import Fields
    from hatchway.egress.outside import Outside
    from hatchway.egress.recording import Trace
    from hatchway.egress.tickets import Admission, Stoppable
    from hatchway.policy.egress import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A request that policy allows.

    Attributes:
        access: The grant that covers it.
        fields: What will be sent of its header, secrets included; never shown.
        length: What the guest says the body has.
    """

    target: Target
    access: HttpAccess
    fields: Fields = field(repr=False)
    length: int | None


class Hops:
    """The hops of one exchange, one after the other.

    Attributes:
        target: Of the hop under way, once it was allowed.

    Args:
        exchange: Whose hops they are.
        admission: Of its call.
        guest: Who gets the answer.
        outside: The way there.
        stop: Ends the exchange.
    """

    def __init__(
        self,
        exchange: Stoppable,
        admission: Admission,
        guest: GuestSide,
        outside: Outside,
        stop: Callable[[Refusal], None],
    ) -> None:
        self.target: Target | None = None
        self._exchange = exchange
        self._admission = admission
        self._guest = guest
        self._outside = outside
        self._stop = stop

    async def hop(
        self, asked: Asked, body: RequestBody, trace: Trace, *, may_follow: bool
    ) -> Asked | None:
        """Ask once. The answer goes to the guest; or it is a redirect, and what follows is said.

        Raises:
            Refused: There is no answer, or no more of it.
        """
        with trace:
            decided = self._decide(asked, trace)
            target = self.target = decided.target
            question = Question(
                target=target,
                fields=decided.fields,
                length=decided.length,
                body=body if asked.has_body else None,
            )
            async with self._outside.connection(
                target, decided.access, self._admission, trace.attempted
            ) as connection:
                if decided.access.is_private:
                    self._admission.read_private(but=self._exchange)
                limits = self._admission.grant.limits
                conversation = Conversation(connection, question, limits, trace, self._stop)
                async with conversation.response() as (status, headers):
                    following = _following(asked, target, status, headers, body)
                    if may_follow and following is not None and self._may_lead(target, following):
                        return following
                    await self._answer(conversation, status, headers)
        return None

    async def _answer(self, conversation: Conversation, status: int, headers: Headers) -> None:
        assert self.target is not None
        echoes, parts = self._admission.echoes, conversation.parts()
        head = ResponseHead(status=status, headers=headers, url=url_of(self.target))
        head, names = echoes.head(head)
        passing = echoes.body()
        try:
            await self._guest.head(head)
            async with aclosing(without_echoes(parts, passing) if echoes else parts) as clean:
                async for part in clean:
                    await self._guest.data(part)
        finally:
            if found := {*names, *passing.names}:
                record_echo(self._outside.events, self._admission, self.target.origin, found)

    def _may_lead(self, target: Target, following: Asked) -> bool:
        """Whether a redirect may be followed: not when it tells one server another's secret."""
        leads_to = f"{following.scheme}://{following.authority}"
        return leads_to.lower() == target.origin or not self._admission.echoes.are_in(
            f"{leads_to}{following.target}"
        )

    def _decide(self, asked: Asked, trace: Trace) -> Decided:
        admission = self._admission
        trace.ask(asked)
        try:
            target = read_target(asked.method, asked.scheme, asked.authority, asked.target)
        except NotARequestError as error:
            raise denied(error.rule, trace.attempted) from None
        trace.origin, trace.path = target.origin, path_of(target)
        grant = admission.grant
        verdict = judge(grant, target, has_read_private=admission.has_read_private)
        if verdict.allowed_by is None:
            raise denied(verdict.rule, trace.attempted, verdict.wanted)
        try:
            fields = checked(asked.headers)
        except BadFieldError:
            raise denied("egress.bad_header", trace.attempted) from None
        trace.rule = verdict.rule
        if size_of(fields) > grant.limits.header_bytes:
            raise failed("HTTP-request-header-section-size", "egress.header_bytes")
        length = declared_length(fields) if asked.has_body else None
        if length is not None and length > grant.limits.request_bytes:
            raise failed("HTTP-request-body-size", "egress.request_bytes")
        fields = outgoing(fields, verdict.allowed_by)
        return Decided(
            target=target,
            access=verdict.allowed_by,
            fields=admission.echoes.readable(
                with_secrets(fields, grant.secrets, target, verdict.allowed_by)
            ),
            length=length,
        )


def _following(
    asked: Asked, target: Target, status: int, headers: Headers, body: RequestBody
) -> Asked | None:
    """What a redirect makes of the request; None where it is the answer itself."""
    location = location_of(status, headers)
    if location is None:
        return None
    try:
        following = followed(asked, target, status, location)
    except ValueError:  # it is no URL
        return None
    if following.has_body and not body.can_be_resent:
        return None
    return following
