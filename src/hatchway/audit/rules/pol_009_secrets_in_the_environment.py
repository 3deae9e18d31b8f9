"""HW-POL-009: secrets handed to the guest instead of being used on its behalf."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hatchway.audit.finding import Found, Rule
from hatchway.audit.grants import granted, wanted
from hatchway.core.capability import EnvironmentVariable
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.audit.subject import Subject

_SECRET = re.compile(
    r"""
      TOKEN(?![A-Z])                        # but not TOKENIZERS_PARALLELISM, MAX_TOKENS
    | SECRET | PASSWORD | PASSWD | PASSPHRASE | CREDENTIAL | COOKIE
    | (?:API|ACCESS|SECRET|PRIVATE|SIGNING|ENCRYPTION|MASTER|DEPLOY|SSH|AUTH)_?KEY
    | (?:^|_)(?:KEY|PASS|PWD|PAT|JWT|DSN|AUTH|BEARER)(?:_|$)
    | (?:DATABASE|DB|REDIS|MONGO|MONGODB|POSTGRES|POSTGRESQL|MYSQL|AMQP|BROKER)_UR[IL]
    | CONNECTION_?STRING
    | ^AWS_ | ^PG(?:PASSFILE|SERVICEFILE)$ | ^SSH_AUTH_SOCK$ | ^NETRC$ | ^KUBECONFIG$
    """,
    re.VERBOSE,
)
_HARMLESS = re.compile(
    r"^(?:OLD)?PWD$|PUBLIC|^AWS_(?:DEFAULT_)?REGION$|^AWS_DEFAULT_OUTPUT$|^AWS_PAGER$"
)


def _check(subject: Subject) -> Iterator[Found]:
    given = set()
    for item, evidence in granted(subject, EnvironmentVariable):
        if not names_a_secret(item.variable):
            continue
        given.add(item.variable)
        how = "the host's value of" if item.value is None else "a value, written in the policy, of"
        yield Found(
            message=f"It is handed {how} {printable(item.variable)!r}, "
            "which is named like a secret.",
            about=f"policy {item.variable}",
            evidence=(evidence,),
        )
    for item, evidence in wanted(subject, EnvironmentVariable):
        if names_a_secret(item.variable) and item.variable not in given:
            yield Found(
                message=f"The manifest asks to be handed {printable(item.variable)!r}, "
                "which is named like a secret.",
                about=f"manifest {item.variable}",
                evidence=(evidence,),
                severity="low",
            )


def names_a_secret(variable: str) -> bool:
    """Whether the name of a variable says that its value is to be kept."""
    name = variable.upper()
    return _SECRET.search(name) is not None and _HARMLESS.search(name) is None


RULE = Rule(
    id="HW-POL-009",
    title="Secret handed to the tool in its environment",
    severity="medium",
    confidence="medium",
    axis="isolation",
    detects="Looks at the names of the variables that the policy grants with `env`: `*_TOKEN`, "
    "`*_KEY`, `*PASSWORD*`, `*SECRET*`, `AWS_*`, `DATABASE_URL` and their like. A manifest that "
    "asks for such a variable, which the policy does not grant, is low. Values are never looked "
    "at, and never shown.",
    why="What a tool knows, it can print, and what it prints a model reads and repeats. A "
    "variable in its environment is also there for whoever takes the tool over.",
    remediation="Do not grant the variable. Name it in `secrets` of the policy instead, with the "
    "one origin it is for: the host puts it into the requests to that origin, and the guest never "
    "sees it. What is used for something else than HTTP is better a token that is short-lived and "
    "can do one thing only.",
    cwe=(526, 214),
    owasp=("MCP01",),
    rubric=(6,),
    check=_check,
    limits="Goes by names. A secret in a variable called `MODE` is not seen, nor is one in a "
    "tool's arguments.",
)
