"""Which requests a grant allows: a pure decision about method, scheme, authority and path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from hatchway.core.capability import HttpAccess
    from hatchway.core.egress import EgressGrant


class NotARequestError(ValueError):
    """What a guest asked for has not the one spelling in which requests are understood.

    Attributes:
        rule: The dotted name of the rule: `egress.bad_method`, `egress.bad_authority`, ….
    """

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a request asks for, checked and in its one spelling.

    Attributes:
        method: Upper case.
        host: Lower case; a name, a dotted IPv4 address, or an IPv6 address in brackets.
        path: Starts with a slash; as it will be sent.
        query: What follows the question mark, or None.
    """

    method: str
    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str
    query: str | None = None

    @property
    def origin(self) -> str:
        """`scheme://host`, and the port where it is not the scheme's own."""
        default = {"http": 80, "https": 443}[self.scheme]
        port = "" if self.port == default else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What policy says of one request.

    Attributes:
        allowed_by: The grant that covers it, or None.
        rule: That grant as policy spells it, or the dotted name of the rule that denies:
            `egress.not_granted`, `egress.method`, `egress.path`, `egress.private_flow`.
        wanted: The capability that would allow it, as `hatchway grant` takes it, or empty when
            no grant would.
    """

    allowed_by: HttpAccess | None
    rule: str
    wanted: str = ""


def read_target(method: str, scheme: str | None, authority: str | None, target: str) -> Target:
    """The request that a guest describes.

    Raises:
        NotARequestError: It has not the one spelling.
    """
    raise NotImplementedError


def judge(grant: EgressGrant, target: Target, *, has_read_private: bool) -> Verdict:
    """Whether `grant` allows `target`, and why."""
    raise NotImplementedError
