"""HTTP servers on this machine, for tests that talk to them; some of them hostile."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from hatchway.registry.descriptors import INDEX, MANIFEST

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True)
class Asked:
    """One request, as it came in."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """Without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The first value of every parameter."""
        return {key: values[0] for key, values in parse_qs(urlsplit(self.target).query).items()}


@dataclass(frozen=True)
class Reply:
    """What a server answers."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """A server on loopback: `answer` decides, `asked` remembers."""

    authority: str
    asked: list[Asked]
    scheme: str = "http"

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.authority}"

    def header(self, name: str) -> list[str]:
        """Every value that any request had for a header."""
        return [each.headers[name] for each in self.asked if name in each.headers]


@contextlib.contextmanager
def serving(
    answer: Callable[[Asked], Reply], *, tls: ssl.SSLContext | None = None
) -> Iterator[Server]:
    """A server that answers each request with what `answer` says."""

    def handle(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        reply = answer(asked)
        handler.send_response(reply.status)
        headers = {"Content-Length": str(len(reply.body)), **reply.headers}
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        if asked.method != "HEAD":
            handler.wfile.write(reply.body)

    with serving_raw(handle, tls=tls) as server:
        yield server


@contextlib.contextmanager
def serving_raw(
    handle: Callable[[BaseHTTPRequestHandler, Asked], None], *, tls: ssl.SSLContext | None = None
) -> Iterator[Server]:
    """A server that writes whatever `handle` writes."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            one = Asked(
                self.command,
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length),
            )
            asked.append(one)
            with contextlib.suppress(OSError):  # the client has gone, as some tests want it to
                handle(self, one)

        def log_message(self, *_: Any) -> None:
            """Nothing: what matters is in `asked`."""

    for method in ("HEAD", "POST", "PUT", "CONNECT"):
        setattr(Handler, f"do_{method}", Handler.do_GET)

    class Listening(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: Any) -> None:
            """A client that breaks off is what some tests are about."""

    listening = Listening(("127.0.0.1", 0), Handler)
    if tls is not None:
        listening.socket = tls.wrap_socket(listening.socket, server_side=True)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        port = listening.server_address[1]
        yield Server(f"127.0.0.1:{port}", asked, "http" if tls is None else "https")
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def sha256(content: bytes) -> str:
    """A digest, made without the code that is tested."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def basic(user: str, password: str) -> str:
    """The header of a login."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass
class FakeRegistry:
    """An OCI registry in memory; as a real one is, but for what a test makes it do.

    Attributes:
        referrers_api: Whether it has one, and says so with `OCI-Subject`.
        before: Looks at every request first, and may answer in its place.
    """

    referrers_api: bool = True
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    before: Callable[[Asked], Reply | None] = lambda _: None

    def put(self, content: bytes, tag: str | None = None, kind: str = MANIFEST) -> str:
        """Keep a manifest."""
        digest = sha256(content)
        self.manifests[digest] = (kind, content)
        if tag is not None:
            self.tags[tag] = digest
        return digest

    def publish(self, artifact: bytes, tag: str | None = None, **changed: Any) -> str:
        """Keep a Wasm artifact the way everybody publishes them."""
        layer = {"mediaType": "application/wasm", "digest": sha256(artifact), "size": len(artifact)}
        config = json.dumps(
            {"architecture": "wasm", "os": "wasip1", "layerDigests": [layer["digest"]]}
        ).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.wasm.config.v0+json",
                "digest": sha256(config),
                "size": len(config),
            },
            "layers": [layer],
        }
        self.blobs |= {sha256(artifact): artifact, sha256(config): config}
        return self.put(json.dumps(manifest | changed).encode(), tag)

    def __call__(self, asked: Asked) -> Reply:
        """Answer one request."""
        reply = self.before(asked)
        if reply is not None:
            return reply
        parts = asked.path.split("/")
        kind, name = parts[-2], parts[-1]
        if kind == "uploads":
            return self._upload(asked)
        if kind == "blobs":
            content = self.blobs.get(name)
            return Reply(status=404) if content is None else Reply(content)
        if kind == "manifests":
            return self._put(asked, name) if asked.method == "PUT" else self._manifest(name)
        if kind == "referrers" and self.referrers_api:
            return self._referrers(name)
        return Reply(status=404)

    def _upload(self, asked: Asked) -> Reply:
        if asked.method == "POST":
            location = f"{asked.path}session?state=1"
            return Reply(status=202, headers={"Location": location})
        digest = asked.query["digest"]
        if sha256(asked.body) != digest:
            return Reply(status=400)
        self.blobs[digest] = asked.body
        return Reply(status=201, headers={"Docker-Content-Digest": digest})

    def _put(self, asked: Asked, name: str) -> Reply:
        digest = self.put(asked.body, kind=asked.headers["content-type"])
        if not name.startswith("sha256:"):
            self.tags[name] = digest
        headers = {"Docker-Content-Digest": digest}
        if self.referrers_api and "subject" in json.loads(asked.body):
            headers["OCI-Subject"] = json.loads(asked.body)["subject"]["digest"]
        return Reply(status=201, headers=headers)

    def _manifest(self, name: str) -> Reply:
        found = self.manifests.get(self.tags.get(name, name))
        if found is None:
            return Reply(status=404)
        return Reply(found[1], headers={"Content-Type": found[0]})

    def _referrers(self, digest: str) -> Reply:
        about = [
            {
                "mediaType": kind,
                "digest": own,
                "size": len(content),
                "artifactType": json.loads(content).get("artifactType"),
            }
            for own, (kind, content) in self.manifests.items()
            if json.loads(content).get("subject", {}).get("digest") == digest
        ]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": about}
        return Reply(json.dumps(index).encode(), headers={"Content-Type": INDEX})
