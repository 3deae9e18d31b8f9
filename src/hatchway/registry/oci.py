"""One repository of an OCI registry.

Everything a registry says is hostile. What it hands out is compared with digests by whoever
asked, and what it asks for is answered to its own origin only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from hatchway.core.errors import RegistryError
from hatchway.core.untrusted import printable
from hatchway.registry.credentials import (
    DOCKER_HUB,
    Challenge,
    bearer_of,
    challenge_of,
    login_for,
    may_see_login,
)
from hatchway.registry.descriptors import (
    BUNDLE,
    INDEX,
    MANIFEST,
    MAX_INDEX_BYTES,
    MAX_MANIFEST_BYTES,
    Descriptor,
    fallback_tag,
    read_index,
)
from hatchway.registry.hosts import Url, is_loopback, join_url, parse_url
from hatchway.registry.images import Document, Pulled, pull
from hatchway.registry.json_text import read_object
from hatchway.registry.transport import Answer, Transport, require_success

if TYPE_CHECKING:
    from hatchway.core.secret import Secret
    from hatchway.registry.reference import OciReference
    from hatchway.registry.settings import SourceSettings

_MAX_PAGES = 8
_MAX_TOKEN_ANSWER_BYTES = 64 << 10
_NEXT = re.compile(r'<([^<>]+)>\s*;\s*rel="?next"?', re.IGNORECASE)


def fetch_oci(
    reference: OciReference, transport: Transport, settings: SourceSettings, *, limit_bytes: int
) -> Pulled:
    """The artifact a reference names, by its digest where it has one.

    Raises:
        RegistryError: It cannot be had, or is not what its digests say.
    """
    repository = Repository(reference, transport, settings)
    name = reference.digest or reference.tag or "latest"
    return pull(repository, name, limit_bytes=limit_bytes)


class Repository:
    """A repository, and the right to read or write it once that was obtained.

    Args:
        reference: Which one; tag and digest do not matter here.
        transport: Carries the requests.
        settings: Where credentials are found.
        actions: `pull`, or `pull,push`; all that a token is asked for.
    """

    def __init__(
        self,
        reference: OciReference,
        transport: Transport,
        settings: SourceSettings,
        *,
        actions: str = "pull",
    ) -> None:
        host = DOCKER_HUB if reference.registry == "docker.io" else reference.registry
        scheme = "http" if is_loopback(host) else "https"
        self._origin = parse_url(f"{scheme}://{host}/")
        self._repository = reference.repository
        self._transport = transport
        self._settings = settings
        self._scope = f"repository:{reference.repository}:{actions}"
        self._authorization: Secret | None = None
        self._is_asked = False
        self.spelled = f"oci://{reference.registry}/{reference.repository}"

    # Reading

    def document(self, name: str) -> Document:
        """The manifest or index under a tag or a digest."""
        answer = require_success(
            self.request(
                "GET",
                self.url(f"manifests/{name}"),
                limit_bytes=MAX_MANIFEST_BYTES,
                accept=f"{MANIFEST}, {INDEX}",
            ),
            f"{self._repository}:{printable(name, limit=90)}",
        )
        said = answer.headers.get("content-type", "").partition(";")[0].strip()
        return Document(content=answer.body, media_type=said or None)

    def blob(self, descriptor: Descriptor, *, limit_bytes: int) -> bytes:
        """What a descriptor points at."""
        url = self.url(f"blobs/{descriptor.digest}")
        answer = self.request("GET", url, limit_bytes=limit_bytes)
        return require_success(answer, f"{self._repository}@{descriptor.digest}").body

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        """What is about a manifest, by the referrers API or by the fallback tag."""
        query = urlencode({"artifactType": BUNDLE})
        url: Url | None = self.url(f"referrers/{digest}?{query}")
        found: list[Descriptor] = []
        for _ in range(_MAX_PAGES):
            assert url is not None
            answer = self.request("GET", url, limit_bytes=MAX_INDEX_BYTES, accept=INDEX)
            said = answer.headers.get("content-type", "").partition(";")[0].strip()
            if answer.status in {404, 405} or (answer.status == 200 and said != INDEX):
                # A registry that is older than the API answers in many ways.
                return self.fallback(digest)
            require_success(answer, f"what is about {digest}")
            what = f"the list of what is about {digest} in {self.spelled}"
            found += read_index(read_object(answer.body, what=what), what=what)
            url = self._next_page(answer)
            if url is None:
                return tuple(found)
        message = f"{self.spelled} lists what is about {digest} without an end"
        raise RegistryError(message, code="registry.too_large")

    def fallback(self, digest: str) -> tuple[Descriptor, ...]:
        """What the index under the fallback tag lists; nothing where there is none."""
        name = fallback_tag(digest)
        url = self.url(f"manifests/{name}")
        answer = self.request("GET", url, limit_bytes=MAX_INDEX_BYTES, accept=INDEX)
        if answer.status == 404:
            return ()
        require_success(answer, f"{self._repository}:{name}")
        what = f"the index {name} in {self.spelled}"
        return read_index(read_object(answer.body, what=what), what=what)

    def _next_page(self, answer: Answer) -> Url | None:
        found = _NEXT.search(answer.headers.get("link", "")[:8192])
        if found is None:
            return None
        try:
            url = join_url(answer.url, found[1])
        except ValueError:
            url = None
        if url is None or url.origin != self._origin.origin:
            message = f"{self.spelled} continues its list elsewhere"
            raise RegistryError(message, code="registry.redirect")
        return url

    # Requests

    def url(self, below: str) -> Url:
        """A place in this repository."""
        return parse_url(f"{self._origin.origin}/v2/{self._repository}/{below}")

    def request(
        self,
        method: str,
        url: Url,
        *,
        limit_bytes: int,
        accept: str = "*/*",
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Answer:
        """One request, with our right to it when it goes to this registry.

        Raises:
            RegistryError: There is no answer, or no right to be had.
        """

        def asked() -> Answer:
            is_here = url.origin == self._origin.origin
            return self._transport.request(
                method,
                url,
                limit_bytes=limit_bytes,
                accept=accept,
                authorization=self._authorization if is_here else None,
                body=body,
                content_type=content_type,
            )

        answer = asked()
        is_ours = answer.url.origin == self._origin.origin
        if answer.status == 401 and is_ours and not self._is_asked:
            self._is_asked = True
            self._authorization = self._obtained(answer.headers.get("www-authenticate", ""))
            answer = asked()
        return answer

    def _obtained(self, header: str) -> Secret | None:
        """The right to read, or to write, as the registry wants to see it.

        Raises:
            RegistryError: `registry.denied`, or whatever keeps the token service from it.
        """
        try:
            challenge = challenge_of(header)
            if challenge.scheme == "basic":
                login = login_for(self._origin.authority, self._settings.docker_config)
                return None if login is None else login.header()
            return self._token(challenge)
        except ValueError as error:
            message = f"{self.spelled} asks for a login that is not given: {error}"
            raise RegistryError(message, code="registry.denied") from error

    def _token(self, challenge: Challenge) -> Secret:
        realm = parse_url(challenge.realm)
        if realm.is_loopback and not self._origin.is_loopback:
            message = "its tokens are made on this machine"
            raise ValueError(message)
        login = None
        if may_see_login(realm, self._origin):
            login = login_for(self._origin.authority, self._settings.docker_config)
        query = urlencode({"service": challenge.service, "scope": self._scope}, quote_via=quote)
        joint = "&" if "?" in realm.target else "?"
        answer = self._transport.request(
            "GET",
            parse_url(f"{realm}{joint}{query}"),
            limit_bytes=_MAX_TOKEN_ANSWER_BYTES,
            authorization=None if login is None else login.header(),
        )
        require_success(answer, f"a token for {self._repository}")
        return bearer_of(read_object(answer.body, what=f"the token of {realm.origin}"))
