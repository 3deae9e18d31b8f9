"""A file in a wheel of a Python package index, by its simple API (PEP 691).

The index says the hash of every file, and the file is compared with it. What makes the
artifact the same one tomorrow is its own digest, in the reference or in the lockfile.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from hatchway.core.errors import RegistryError
from hatchway.core.untrusted import printable
from hatchway.registry.digests import is_digest, require_digest
from hatchway.registry.indexes import Index
from hatchway.registry.json_text import malformed, read_object
from hatchway.registry.transport import Transport, require_success
from hatchway.registry.wheels import member_of_wheel

if TYPE_CHECKING:
    from hatchway.registry.reference import PypiReference
    from hatchway.registry.settings import SourceSettings

_SIMPLE = "application/vnd.pypi.simple.v1+json"
_MAX_INDEX_BYTES = 32 << 20


def fetch_pypi(
    reference: PypiReference, transport: Transport, settings: SourceSettings, *, limit_bytes: int
) -> bytes:
    """The file that a reference names.

    Raises:
        ConfigError: The index is no URL.
        RegistryError: It cannot be had, or is not what the index says.
    """
    index = Index.parse(settings.pypi_index, what="the Python package index")
    name = f"{reference.name}=={reference.version}"
    url = index.below(f"{reference.name}/")
    answer = transport.request(
        "GET",
        url,
        limit_bytes=_MAX_INDEX_BYTES,
        accept=_SIMPLE,
        authorization=index.authorization_for(url),
    )
    require_success(answer, f"the package {reference.name}")
    said = answer.headers.get("content-type", "").partition(";")[0].strip()
    if said != _SIMPLE:
        message = f"{url.origin} does not speak JSON (PEP 691), but {printable(said, limit=60)!r}"
        raise RegistryError(message, code="registry.unsupported")
    what = f"what {url.origin} says about {reference.name}"
    file = choose_wheel(read_object(answer.body, what=what), reference, what=what)
    package = index.package(file["url"], transport, said=answer, what=what, name=name)
    require_digest(package, f"sha256:{file['hashes']['sha256']}", what=f"the wheel of {name}")
    return member_of_wheel(package, reference.member, limit_bytes=limit_bytes)


def choose_wheel(
    document: dict[str, Any], reference: PypiReference, *, what: str
) -> dict[str, Any]:
    """The one wheel of a version: the one for every platform, or else the only one.

    Raises:
        RegistryError: There is none, there are several to choose from, its hash is missing,
            or it was withdrawn and the reference does not insist on it by a digest.
    """
    files = document.get("files")
    if not isinstance(files, list):
        raise malformed(what, "it lists no files")
    wheels = {
        file["filename"]: file
        for file in files
        if isinstance(file, dict) and _is_wheel_of(file.get("filename"), reference)
    }
    names = sorted(wheels)
    names = [name for name in names if name.endswith("-none-any.whl")] or names
    shown = f"{reference.name}=={reference.version}"
    if not names:
        message = f"{shown} has no wheel"
        raise RegistryError(message, code="registry.not_found")
    if len(names) > 1:
        message = f"{shown} has {len(names)} wheels, and none is for every platform"
        raise RegistryError(message, code="registry.unsupported")
    file = wheels[names[0]]
    hashes = file.get("hashes")
    digest = hashes.get("sha256") if isinstance(hashes, dict) else None
    if not is_digest(f"sha256:{digest}") or not isinstance(file.get("url"), str):
        raise malformed(what, "the wheel has no sha256 or no place")
    if file.get("yanked") and not reference.is_pinned:
        message = f"{shown} was withdrawn by its publisher"
        hint = "if it must be this one, pin the file: …@sha256:HEX"
        raise RegistryError(message, code="registry.withdrawn", hint=hint)
    return file


def _is_wheel_of(filename: object, reference: PypiReference) -> bool:
    if not isinstance(filename, str) or not filename.endswith(".whl"):
        return False
    name, _, rest = unquote(filename).partition("-")
    version = rest.partition("-")[0]
    normalized = re.sub(r"[-_.]+", "-", name).lower()
    return normalized == reference.name and version.replace("_", "+") == reference.version
