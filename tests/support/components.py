"""Component guests for tests, as text: each asks the host for one kind of thing."""

from __future__ import annotations

PLAIN_LIBC = """
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local i32)
      (local.set 4 (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.set $free (i32.add (local.get 4) (local.get 3)))
      (local.get 4))
"""
"""A memory and a bump allocator, which is all the canonical ABI asks of a guest."""


def trapping(body: str, *, declarations: str = "", memory: str = "1") -> str:
    """A component whose function `go` runs `body` and returns nothing."""
    return f"""(component
      (core module $m
        (memory {memory})
        {declarations}
        (func (export "go") {body}))
      (core instance $i (instantiate $m))
      (func (export "go") (canon lift (core func $i "go"))))"""


ECHO = f"""(component
  (core module $m {PLAIN_LIBC}
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 0) (local.get 0))
      (i32.store (i32.const 4) (local.get 1))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "echo") (param "text" string) (result string)
    (canon lift (core func $i "echo") (memory (core memory $i "memory"))
      (realloc (core func $i "realloc")))))"""


def returning_bytes(count: int) -> str:
    """A component whose function `go` returns `count` bytes."""
    pages = -(-count // 65536) + 1
    return f"""(component
      (core module $m
        (memory (export "memory") {pages})
        (func (export "go") (result i32)
          (i32.store (i32.const 0) (i32.const 64))
          (i32.store (i32.const 4) (i32.const {count}))
          (i32.const 0)))
      (core instance $i (instantiate $m))
      (func (export "go") (result (list u8))
        (canon lift (core func $i "go") (memory (core memory $i "memory")))))"""


def sleeping(version: str = "0.2.0") -> str:
    """A component whose function `sleep` waits and then tells the monotonic time."""
    return f"""(component
      (import "wasi:io/poll@{version}" (instance $poll
        (export "pollable" (type $pollable (sub resource)))
        (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
      (alias export $poll "pollable" (type $pollable))
      (alias export $poll "[method]pollable.block" (func $block))
      (import "wasi:clocks/monotonic-clock@{version}" (instance $clock
        (alias outer 1 $pollable (type $p0))
        (export "pollable" (type $p (eq $p0)))
        (export "now" (func (result u64)))
        (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
      (alias export $clock "subscribe-duration" (func $subscribe))
      (alias export $clock "now" (func $now))
      (core func $block' (canon lower (func $block)))
      (core func $subscribe' (canon lower (func $subscribe)))
      (core func $now' (canon lower (func $now)))
      (core module $m
        (import "h" "block" (func $block (param i32)))
        (import "h" "subscribe" (func $subscribe (param i64) (result i32)))
        (import "h" "now" (func $now (result i64)))
        (func (export "sleep") (param i64) (result i64)
          (call $block (call $subscribe (local.get 0)))
          (call $now)))
      (core instance $i (instantiate $m (with "h" (instance
        (export "block" (func $block'))
        (export "subscribe" (func $subscribe'))
        (export "now" (func $now'))))))
      (func (export "sleep") (param "nanoseconds" u64) (result u64)
        (canon lift (core func $i "sleep"))))"""


def wall_clock(version: str = "0.2.0") -> str:
    """A component whose function `now` tells the seconds of the wall clock."""
    return f"""(component
      (import "wasi:clocks/wall-clock@{version}" (instance $clock
        (type $t (record (field "seconds" u64) (field "nanoseconds" u32)))
        (export "datetime" (type $datetime (eq $t)))
        (export "now" (func (result $datetime)))))
      (alias export $clock "now" (func $now))
      (core module $libc (memory (export "memory") 1))
      (core instance $libc (instantiate $libc))
      (core func $now' (canon lower (func $now) (memory (core memory $libc "memory"))))
      (core module $m
        (import "h" "now" (func $now (param i32)))
        (import "libc" "memory" (memory 1))
        (func (export "now") (result i64) (call $now (i32.const 16)) (i64.load (i32.const 16))))
      (core instance $i (instantiate $m
        (with "h" (instance (export "now" (func $now'))))
        (with "libc" (instance $libc))))
      (func (export "now") (result u64) (canon lift (core func $i "now"))))"""


def random(version: str = "0.2.0") -> str:
    """A component whose function `draw` returns as many random bytes as it is asked for."""
    return f"""(component
      (import "wasi:random/random@{version}" (instance $random
        (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
      (alias export $random "get-random-bytes" (func $draw))
      (core module $libc {PLAIN_LIBC})
      (core instance $libc (instantiate $libc))
      (core func $draw' (canon lower (func $draw) (memory (core memory $libc "memory"))
        (realloc (core func $libc "realloc"))))
      (core module $m
        (import "h" "draw" (func $draw (param i64 i32)))
        (import "libc" "memory" (memory 1))
        (func (export "draw") (param i64) (result i32)
          (call $draw (local.get 0) (i32.const 16)) (i32.const 16)))
      (core instance $i (instantiate $m
        (with "h" (instance (export "draw" (func $draw'))))
        (with "libc" (instance $libc))))
      (func (export "draw") (param "count" u64) (result (list u8))
        (canon lift (core func $i "draw") (memory (core memory $libc "memory")))))"""


def environment(version: str = "0.2.0") -> str:
    """A component whose function `env` returns every variable it can see."""
    return f"""(component
      (import "wasi:cli/environment@{version}" (instance $cli
        (export "get-environment" (func (result (list (tuple string string)))))))
      (alias export $cli "get-environment" (func $env))
      (core module $libc {PLAIN_LIBC})
      (core instance $libc (instantiate $libc))
      (core func $env' (canon lower (func $env) (memory (core memory $libc "memory"))
        (realloc (core func $libc "realloc"))))
      (core module $m
        (import "h" "env" (func $env (param i32)))
        (func (export "env") (result i32) (call $env (i32.const 16)) (i32.const 16)))
      (core instance $i (instantiate $m (with "h" (instance (export "env" (func $env'))))))
      (func (export "env") (result (list (tuple string string)))
        (canon lift (core func $i "env") (memory (core memory $libc "memory")))))"""


def opening(path: str, version: str = "0.2.0") -> str:
    """A component whose function `open` tries to open `path`; true means that it worked."""
    return f"""(component
      (import "wasi:filesystem/types@{version}" (instance $fs
        (export "descriptor" (type $descriptor (sub resource)))
        (type $flags (flags "read" "write" "file-integrity-sync" "data-integrity-sync"
          "requested-write-sync" "mutate-directory"))
        (export "descriptor-flags" (type $dflags (eq $flags)))
        (type $pflags (flags "symlink-follow"))
        (export "path-flags" (type $path-flags (eq $pflags)))
        (type $oflags (flags "create" "directory" "exclusive" "truncate"))
        (export "open-flags" (type $open-flags (eq $oflags)))
        (type $code (enum "access" "would-block" "already" "bad-descriptor" "busy" "deadlock"
          "quota" "exist" "file-too-large" "illegal-byte-sequence" "in-progress" "interrupted"
          "invalid" "io" "is-directory" "loop" "too-many-links" "message-size" "name-too-long"
          "no-device" "no-entry" "no-lock" "insufficient-memory" "insufficient-space"
          "not-directory" "not-empty" "not-recoverable" "unsupported" "no-tty"
          "no-such-device" "overflow" "not-permitted" "pipe" "read-only" "invalid-seek"
          "text-file-busy" "cross-device"))
        (export "error-code" (type $error-code (eq $code)))
        (export "[method]descriptor.open-at" (func
          (param "self" (borrow $descriptor)) (param "path-flags" $path-flags)
          (param "path" string) (param "open-flags" $open-flags) (param "flags" $dflags)
          (result (result (own $descriptor) (error $error-code)))))))
      (alias export $fs "descriptor" (type $descriptor))
      (alias export $fs "[method]descriptor.open-at" (func $open))
      (import "wasi:filesystem/preopens@{version}" (instance $preopens
        (alias outer 1 $descriptor (type $d0))
        (export "descriptor" (type $d (eq $d0)))
        (export "get-directories" (func (result (list (tuple (own $d) string)))))))
      (alias export $preopens "get-directories" (func $directories))
      (core module $libc {PLAIN_LIBC} (data (i32.const 1024) "{path}"))
      (core instance $libc (instantiate $libc))
      (core func $open' (canon lower (func $open) (memory (core memory $libc "memory"))))
      (core func $directories' (canon lower (func $directories)
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
      (core module $m
        (import "h" "open" (func $open (param i32 i32 i32 i32 i32 i32 i32)))
        (import "h" "directories" (func $directories (param i32)))
        (import "libc" "memory" (memory 1))
        (func (export "open") (param i32) (result i32)
          (call $directories (i32.const 16))
          (call $open (i32.load (i32.load (i32.const 16))) (i32.const 1)
            (i32.const 1024) (i32.const {len(path)}) (local.get 0) (i32.const 1) (i32.const 64))
          (i32.eqz (i32.load8_u (i32.const 64)))))
      (core instance $i (instantiate $m
        (with "h" (instance
          (export "open" (func $open')) (export "directories" (func $directories'))))
        (with "libc" (instance $libc))))
      (func (export "open") (param "open-flags" u32) (result bool)
        (canon lift (core func $i "open"))))"""


_NETWORK_ERRORS = (
    '"unknown" "access-denied" "not-supported" "invalid-argument" "out-of-memory" "timeout" '
    '"concurrency-conflict" "not-in-progress" "would-block" "invalid-state" "new-socket-limit" '
    '"address-not-bindable" "address-in-use" "remote-unreachable" "connection-refused" '
    '"connection-reset" "connection-aborted" "datagram-too-large" "name-unresolvable" '
    '"temporary-resolver-failure" "permanent-resolver-failure"'
)


def connecting(version: str = "0.2.0") -> str:
    """A component whose `connect` tries to make a TCP socket; true means that it worked."""
    return f"""(component
      (import "wasi:sockets/network@{version}" (instance $network
        (type $code (enum {_NETWORK_ERRORS}))
        (export "error-code" (type $error-code (eq $code)))
        (type $family (enum "ipv4" "ipv6"))
        (export "ip-address-family" (type $ip-family (eq $family)))))
      (alias export $network "error-code" (type $error-code))
      (alias export $network "ip-address-family" (type $ip-family))
      (import "wasi:sockets/tcp@{version}" (instance $tcp
        (export "tcp-socket" (type (sub resource)))))
      (alias export $tcp "tcp-socket" (type $tcp-socket))
      (import "wasi:sockets/tcp-create-socket@{version}" (instance $create
        (alias outer 1 $error-code (type $e0))
        (export "error-code" (type $e (eq $e0)))
        (alias outer 1 $ip-family (type $f0))
        (export "ip-address-family" (type $f (eq $f0)))
        (alias outer 1 $tcp-socket (type $s0))
        (export "tcp-socket" (type $s (eq $s0)))
        (export "create-tcp-socket" (func (param "address-family" $f)
          (result (result (own $s) (error $e)))))))
      (alias export $create "create-tcp-socket" (func $make))
      (core module $libc (memory (export "memory") 1))
      (core instance $libc (instantiate $libc))
      (core func $make' (canon lower (func $make) (memory (core memory $libc "memory"))))
      (core module $m
        (import "h" "make" (func $make (param i32 i32)))
        (import "libc" "memory" (memory 1))
        (func (export "connect") (result i32)
          (call $make (i32.const 0) (i32.const 16))
          (i32.eqz (i32.load8_u (i32.const 16)))))
      (core instance $i (instantiate $m
        (with "h" (instance (export "make" (func $make'))))
        (with "libc" (instance $libc))))
      (func (export "connect") (result bool) (canon lift (core func $i "connect"))))"""


def printing(version: str = "0.2.0") -> str:
    """A component whose `print` writes `count` zero bytes to stdout, 4096 at a time."""
    return f"""(component
      (import "wasi:io/error@{version}" (instance $io-error
        (export "error" (type (sub resource)))))
      (alias export $io-error "error" (type $error))
      (import "wasi:io/streams@{version}" (instance $streams
        (export "output-stream" (type $out (sub resource)))
        (alias outer 1 $error (type $e0))
        (export "error" (type $e (eq $e0)))
        (type $se (variant (case "last-operation-failed" (own $e)) (case "closed")))
        (export "stream-error" (type $stream-error (eq $se)))
        (export "[method]output-stream.blocking-write-and-flush" (func
          (param "self" (borrow $out)) (param "contents" (list u8))
          (result (result (error $stream-error)))))))
      (alias export $streams "output-stream" (type $out))
      (alias export $streams "[method]output-stream.blocking-write-and-flush" (func $write))
      (import "wasi:cli/stdout@{version}" (instance $stdout
        (alias outer 1 $out (type $o0))
        (export "output-stream" (type $o (eq $o0)))
        (export "get-stdout" (func (result (own $o))))))
      (alias export $stdout "get-stdout" (func $get))
      (core module $libc (memory (export "memory") 2))
      (core instance $libc (instantiate $libc))
      (core func $write' (canon lower (func $write) (memory (core memory $libc "memory"))))
      (core func $get' (canon lower (func $get)))
      (core module $m
        (import "h" "write" (func $write (param i32 i32 i32 i32)))
        (import "h" "get" (func $get (result i32)))
        (func (export "print") (param i32) (local $out i32)
          (local.set $out (call $get))
          (loop $more
            (call $write (local.get $out) (i32.const 1024) (i32.const 4096) (i32.const 0))
            (local.set 0 (i32.sub (local.get 0) (i32.const 4096)))
            (br_if $more (i32.gt_s (local.get 0) (i32.const 0))))))
      (core instance $i (instantiate $m (with "h" (instance
        (export "write" (func $write')) (export "get" (func $get'))))))
      (func (export "print") (param "count" u32) (canon lift (core func $i "print"))))"""
