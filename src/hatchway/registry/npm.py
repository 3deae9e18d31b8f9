"""A file in a package of an npm registry.

The registry says the SHA-512 of every tarball, and the tarball is compared with it. SHA-1,
which is all that very old packages have, is not taken for a comparison.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hatchway.core.errors import RegistryError
from hatchway.registry.indexes import Index
from hatchway.registry.json_text import malformed, read_object
from hatchway.registry.tarballs import member_of_tarball
from hatchway.registry.transport import Transport, require_success

if TYPE_CHECKING:
    from hatchway.registry.reference import NpmReference
    from hatchway.registry.settings import SourceSettings

_MAX_VERSION_BYTES = 4 << 20
# Subresource Integrity: hashes separated by spaces, each perhaps with options.
_SHA512 = re.compile(r"(?:^|\s)sha512-([A-Za-z0-9+/]{86}==)(?=$|[\s?])")


def fetch_npm(
    reference: NpmReference, transport: Transport, settings: SourceSettings, *, limit_bytes: int
) -> bytes:
    """The file that a reference names.

    Raises:
        ConfigError: The registry is no URL.
        RegistryError: It cannot be had, or is not what the registry says.
    """
    index = Index.parse(settings.npm_registry, what="the npm registry")
    name = f"{reference.name}@{reference.version}"
    url = index.below(f"{quote(reference.name, safe='@')}/{quote(reference.version, safe='+')}")
    answer = require_success(
        transport.request(
            "GET",
            url,
            limit_bytes=_MAX_VERSION_BYTES,
            accept="application/json",
            authorization=index.authorization_for(url),
        ),
        name,
    )
    what = f"what {url.origin} says about {name}"
    tarball, integrity = tarball_of(read_object(answer.body, what=what), reference, what=what)
    package = index.package(tarball, transport, said=answer, what=what, name=name)
    found = base64.b64encode(hashlib.sha512(package).digest()).decode()
    if found not in integrity:
        message = f"the tarball of {name} must be sha512-{integrity[0]}, and is sha512-{found}"
        hint = "the registry, or something on the way, hands out other bytes: do not use them"
        raise RegistryError(message, code="registry.digest_mismatch", hint=hint)
    return member_of_tarball(package, reference.member, limit_bytes=limit_bytes)


def tarball_of(
    document: dict[str, Any], reference: NpmReference, *, what: str
) -> tuple[str, list[str]]:
    """Where the tarball of a version is, and what its SHA-512 may be.

    Raises:
        RegistryError: It is about something else, or has no SHA-512.
    """
    if (document.get("name"), document.get("version")) != (reference.name, reference.version):
        raise malformed(what, "it is about another package")
    dist = document.get("dist")
    found = dist if isinstance(dist, dict) else {}
    tarball, integrity = found.get("tarball"), found.get("integrity")
    if not isinstance(tarball, str) or not isinstance(integrity, str):
        raise malformed(what, "it names no tarball with its integrity")
    hashes = _SHA512.findall(integrity)
    if not hashes:
        raise malformed(what, "its integrity has no sha512")
    return tarball, hashes
