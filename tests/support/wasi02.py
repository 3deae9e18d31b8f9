"""Component guests that call any function of WASI 0.2, with WASI's own types.

A guest's function `go` runs a body of instructions, in which the functions it was built with
are called by their names, and returns the bytes of its memory from `ANSWER` on.
"""

from __future__ import annotations

from dataclasses import dataclass

from components import PLAIN_LIBC

ANSWER = 2048
"""Where a body leaves what it wants to tell."""
ANSWER_BYTES = 128
PATHS = 1024
"""Where the guest's two paths are: `a/b` and then `c`."""

_FILE_ERRORS = """(enum "access" "would-block" "already" "bad-descriptor" "busy" "deadlock"
  "quota" "exist" "file-too-large" "illegal-byte-sequence" "in-progress" "interrupted" "invalid"
  "io" "is-directory" "loop" "too-many-links" "message-size" "name-too-long" "no-device"
  "no-entry" "no-lock" "insufficient-memory" "insufficient-space" "not-directory" "not-empty"
  "not-recoverable" "unsupported" "no-tty" "no-such-device" "overflow" "not-permitted" "pipe"
  "read-only" "invalid-seek" "text-file-busy" "cross-device")"""

_NETWORK_ERRORS = """(enum "unknown" "access-denied" "not-supported" "invalid-argument"
  "out-of-memory" "timeout" "concurrency-conflict" "not-in-progress" "would-block"
  "invalid-state" "new-socket-limit" "address-not-bindable" "address-in-use"
  "remote-unreachable" "connection-refused" "connection-reset" "connection-aborted"
  "datagram-too-large" "name-unresolvable" "temporary-resolver-failure"
  "permanent-resolver-failure")"""


_HTTP_ERRORS = """(variant (case "DNS-timeout") (case "DNS-error" $DNS-error-payload)
  (case "destination-not-found") (case "destination-unavailable")
  (case "destination-IP-prohibited") (case "destination-IP-unroutable")
  (case "connection-refused") (case "connection-terminated") (case "connection-timeout")
  (case "connection-read-timeout") (case "connection-write-timeout")
  (case "connection-limit-reached") (case "TLS-protocol-error") (case "TLS-certificate-error")
  (case "TLS-alert-received" $TLS-alert-received-payload) (case "HTTP-request-denied")
  (case "HTTP-request-length-required") (case "HTTP-request-body-size" (option u64))
  (case "HTTP-request-method-invalid") (case "HTTP-request-URI-invalid")
  (case "HTTP-request-URI-too-long") (case "HTTP-request-header-section-size" (option u32))
  (case "HTTP-request-header-size" (option $field-size-payload))
  (case "HTTP-request-trailer-section-size" (option u32))
  (case "HTTP-request-trailer-size" $field-size-payload) (case "HTTP-response-incomplete")
  (case "HTTP-response-header-section-size" (option u32))
  (case "HTTP-response-header-size" $field-size-payload)
  (case "HTTP-response-body-size" (option u64))
  (case "HTTP-response-trailer-section-size" (option u32))
  (case "HTTP-response-trailer-size" $field-size-payload)
  (case "HTTP-response-transfer-coding" (option string))
  (case "HTTP-response-content-coding" (option string)) (case "HTTP-response-timeout")
  (case "HTTP-upgrade-failed") (case "HTTP-protocol-error") (case "loop-detected")
  (case "configuration-error") (case "internal-error" (option string)))"""


@dataclass(frozen=True)
class Interface:
    """One interface: the types it takes from others, and its own."""

    name: str
    takes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    types: tuple[tuple[str, str], ...] = ()


INTERFACES = (
    Interface("io/error", resources=("error",)),
    Interface("io/poll", resources=("pollable",)),
    Interface(
        "io/streams",
        takes=("error", "pollable"),
        resources=("input-stream", "output-stream"),
        types=(
            (
                "stream-error",
                '(variant (case "last-operation-failed" (own $error)) (case "closed"))',
            ),
        ),
    ),
    Interface("cli/environment"),
    Interface("cli/exit"),
    Interface("cli/stdin", takes=("input-stream",)),
    Interface("cli/stdout", takes=("output-stream",)),
    Interface("cli/stderr", takes=("output-stream",)),
    Interface("cli/terminal-input", resources=("terminal-input",)),
    Interface("cli/terminal-output", resources=("terminal-output",)),
    Interface("cli/terminal-stdin", takes=("terminal-input",)),
    Interface("cli/terminal-stdout", takes=("terminal-output",)),
    Interface("cli/terminal-stderr", takes=("terminal-output",)),
    Interface("clocks/monotonic-clock", takes=("pollable",)),
    Interface(
        "clocks/wall-clock",
        types=(("datetime", '(record (field "seconds" u64) (field "nanoseconds" u32))'),),
    ),
    Interface(
        "filesystem/types",
        takes=("error", "input-stream", "output-stream", "datetime"),
        resources=("descriptor", "directory-entry-stream"),
        types=(
            (
                "descriptor-type",
                '(enum "unknown" "block-device" "character-device" "directory" "fifo" '
                '"symbolic-link" "regular-file" "socket")',
            ),
            (
                "descriptor-flags",
                '(flags "read" "write" "file-integrity-sync" "data-integrity-sync" '
                '"requested-write-sync" "mutate-directory")',
            ),
            ("path-flags", '(flags "symlink-follow")'),
            ("open-flags", '(flags "create" "directory" "exclusive" "truncate")'),
            (
                "descriptor-stat",
                '(record (field "type" $descriptor-type) (field "link-count" u64) '
                '(field "size" u64) (field "data-access-timestamp" (option $datetime)) '
                '(field "data-modification-timestamp" (option $datetime)) '
                '(field "status-change-timestamp" (option $datetime)))',
            ),
            (
                "new-timestamp",
                '(variant (case "no-change") (case "now") (case "timestamp" $datetime))',
            ),
            ("error-code", _FILE_ERRORS),
            (
                "advice",
                '(enum "normal" "sequential" "random" "will-need" "dont-need" "no-reuse")',
            ),
            ("metadata-hash-value", '(record (field "lower" u64) (field "upper" u64))'),
            (
                "directory-entry",
                '(record (field "type" $descriptor-type) (field "name" string))',
            ),
        ),
    ),
    Interface("filesystem/preopens", takes=("descriptor",)),
    Interface("random/random"),
    Interface("random/insecure"),
    Interface("random/insecure-seed"),
    Interface(
        "sockets/network",
        resources=("network",),
        types=(
            ("network-error", _NETWORK_ERRORS),
            ("ip-address-family", '(enum "ipv4" "ipv6")'),
        ),
    ),
    Interface("sockets/instance-network", takes=("network",)),
    Interface("sockets/udp", resources=("udp-socket",)),
    Interface(
        "sockets/udp-create-socket", takes=("network-error", "ip-address-family", "udp-socket")
    ),
    Interface(
        "sockets/ip-name-lookup",
        takes=("network", "network-error"),
        resources=("resolve-address-stream",),
    ),
    Interface(
        "http/types",
        takes=("error", "pollable", "input-stream", "output-stream"),
        resources=(
            "fields", "incoming-request", "outgoing-request", "request-options",
            "response-outparam", "incoming-response", "incoming-body", "future-trailers",
            "outgoing-response", "outgoing-body", "future-incoming-response",
        ),
        types=(
            (
                "method",
                '(variant (case "get") (case "head") (case "post") (case "put") (case "delete") '
                '(case "connect") (case "options") (case "trace") (case "patch") '
                '(case "other" string))',
            ),
            ("scheme", '(variant (case "HTTP") (case "HTTPS") (case "other" string))'),
            (
                "DNS-error-payload",
                '(record (field "rcode" (option string)) (field "info-code" (option u16)))',
            ),
            (
                "TLS-alert-received-payload",
                '(record (field "alert-id" (option u8)) (field "alert-message" (option string)))',
            ),
            (
                "field-size-payload",
                '(record (field "field-name" (option string)) (field "field-size" (option u32)))',
            ),
            ("http-error", _HTTP_ERRORS),
            (
                "header-error",
                '(variant (case "invalid-syntax") (case "forbidden") (case "immutable"))',
            ),
        ),
    ),
    Interface(
        "http/outgoing-handler",
        takes=("outgoing-request", "request-options", "future-incoming-response", "http-error"),
    ),
)  # fmt: skip

_WIT_NAMES = {"network-error": "error-code", "http-error": "error-code"}
"""Types that bear another name here than in WIT, where two interfaces share one."""


@dataclass(frozen=True)
class Function:
    """A function of an interface: its type in WIT, and in core Wasm once lowered.

    `wit` and `core` are the text of parameters and result.
    """

    interface: str
    name: str
    wit: str
    core: str

    @property
    def short(self) -> str:
        """What bodies call it: the name without the resource."""
        return self.name.rpartition(".")[2]


STDOUT = Function("cli/stdout", "get-stdout", "(result (own $output-stream))", "(result i32)")
STDIN = Function("cli/stdin", "get-stdin", "(result (own $input-stream))", "(result i32)")
DIRECTORIES = Function(
    "filesystem/preopens",
    "get-directories",
    "(result (list (tuple (own $descriptor) string)))",
    "(param i32)",
)
ROOT = "(call $get-directories (i32.const 16)) (i32.load (i32.load (i32.const 16)))"
"""Instructions that leave the handle of the only directory."""


def method(resource: str, name: str, parameters: str, result: str, core: str) -> Function:
    """A method of a resource, which its interface is known by."""
    (interface,) = (item.name for item in INTERFACES if resource in item.resources)
    wit = f'(param "self" (borrow ${resource})) {parameters} (result {result})'
    return Function(interface, f"[method]{resource}.{name}", wit, core)


def guest(body: str, *functions: Function, version: str = "0.2.0") -> str:
    """A component whose `go` runs `body`, which calls `functions` by their short names."""
    body += f"""
      (i32.store (i32.const 8) (i32.const {ANSWER}))
      (i32.store (i32.const 12) (i32.const {ANSWER_BYTES}))
      (i32.const 8)"""
    lifted = """(func (export "go") (result (list u8))
        (canon lift (core func $i "go") (memory (core memory $libc "memory"))))"""
    return component(_entry(body), functions, lifted, version)


def program(body: str, *functions: Function, version: str = "0.2.0") -> str:
    """A component that is a command: `wasi:cli/run` runs `body`, and all went well."""
    lifted = f"""(func $run (result (result)) (canon lift (core func $i "go")))
      (instance $cli-run (export "run" (func $run)))
      (export "wasi:cli/run@{version}" (instance $cli-run))"""
    return component(_entry(f"{body} (i32.const 0)"), functions, lifted, version)


def _entry(body: str) -> str:
    return f'(func (export "go") (result i32) (local $a i32) (local $b i32) {body})'


def component(
    code: str,
    functions: tuple[Function, ...],
    lifted: str,
    version: str = "0.2.0",
    *,
    libc: str = PLAIN_LIBC,
    drops: tuple[str, ...] = (),
) -> str:
    """A component around the core `code`, of which `lifted` says what is exported.

    `drops` are the resources whose handles it gives back, with `drop-…`.
    """
    parts = [
        _imported(
            interface, [item for item in functions if item.interface == interface.name], version
        )
        for interface in _needed({item.interface for item in functions})
    ]
    lowered = "".join(
        f'(alias export ${item.interface} "{item.name}" (func ${item.short}))'
        f"(core func ${item.short}' (canon lower (func ${item.short})"
        f' (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))'
        for item in functions
    )
    lowered += "".join(f"(core func $drop-{name}' (canon resource.drop ${name}))" for name in drops)
    signatures = {item.short: item.core for item in functions}
    signatures |= {f"drop-{name}": "(param i32)" for name in drops}
    imports = "".join(
        f'(import "h" "{name}" (func ${name} {core}))' for name, core in signatures.items()
    )
    given = "".join(f'(export "{name}" (func ${name}\'))' for name in signatures)
    return f"""(component
      {"".join(parts)}
      (core module $libc {libc} (data (i32.const {PATHS}) "a/bc"))
      (core instance $libc (instantiate $libc))
      {lowered}
      (core module $m
        {imports}
        (import "libc" "memory" (memory 1))
        {code})
      (core instance $i (instantiate $m
        (with "h" (instance {given})) (with "libc" (instance $libc))))
      {lifted})"""


def _needed(names: set[str]) -> list[Interface]:
    """The interfaces called `names` and those that they take types from, in order."""
    while True:
        taken = {kind for item in INTERFACES if item.name in names for kind in item.takes}
        more = names | {item.name for item in INTERFACES if taken & _given(item)}
        if more == names:
            return [item for item in INTERFACES if item.name in names]
        names = more


def _given(interface: Interface) -> set[str]:
    return {*interface.resources, *(name for name, _ in interface.types)}


def _imported(interface: Interface, functions: list[Function], version: str) -> str:
    taken = "".join(
        f"(alias outer 1 ${name} (type ${name}0))"
        f' (export "{_wit(name)}" (type ${name} (eq ${name}0)))'
        for name in interface.takes
    )
    resources = "".join(
        f'(export "{name}" (type ${name} (sub resource)))' for name in interface.resources
    )
    types = "".join(
        f'(type ${name}0 {text}) (export "{_wit(name)}" (type ${name} (eq ${name}0)))'
        for name, text in interface.types
    )
    exported = "".join(f'(export "{item.name}" (func {item.wit}))' for item in functions)
    aliases = "".join(
        f'(alias export ${interface.name} "{_wit(name)}" (type ${name}))'
        for name in sorted(_given(interface))
    )
    return (
        f'(import "wasi:{interface.name}@{version}" (instance ${interface.name}'
        f" {taken} {resources} {types} {exported})) {aliases}"
    )


def _wit(name: str) -> str:
    return _WIT_NAMES.get(name, name)
