"""The files of a new tool in WebAssembly's text format."""

from __future__ import annotations

from hatchway.sdk.languages.python_template import IGNORED, MAKEFILE, filled

_SOURCE = """;; A WASI command: standard input to standard output, in capitals.
;;
;; Memory: 0 the one vector {address, length}, 8 how much was moved, 16 the bytes themselves.
(module
  (import "wasi_snapshot_preview1" "fd_read"
    (func $read (param $fd i32) (param $vectors i32) (param $count i32) (param $moved i32)
      (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param $fd i32) (param $vectors i32) (param $count i32) (param $moved i32)
      (result i32)))
  (memory (export "memory") 1)

  (func (export "_start")
    (local $size i32)
    (loop $again
      (local.set $size (call $move_in))
      (if (local.get $size)
        (then
          (call $raise (i32.const 16) (i32.add (i32.const 16) (local.get $size)))
          (call $move_out (local.get $size))
          (br $again)))))

  ;; Fill the buffer; how many bytes there are, 0 at the end.
  (func $move_in (result i32)
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 32768))
    (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))
      (then (unreachable)))
    (i32.load (i32.const 8)))

  ;; Write the buffer, however many pieces that takes.
  (func $move_out (param $left i32)
    (i32.store (i32.const 0) (i32.const 16))
    (loop $again
      (i32.store (i32.const 4) (local.get $left))
      (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))
        (then (unreachable)))
      (i32.store (i32.const 0)
        (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 8))))
      (br_if $again
        (local.tee $left (i32.sub (local.get $left) (i32.load (i32.const 8)))))))

  ;; Turn a to z into A to Z. Bytes of other scripts are all above 127 and stay.
  (func $raise (param $at i32) (param $end i32)
    (local $byte i32)
    (loop $next
      (local.set $byte (i32.load8_u (local.get $at)))
      (if (i32.lt_u (i32.sub (local.get $byte) (i32.const 0x61)) (i32.const 26))
        (then
          (i32.store8 (local.get $at) (i32.sub (local.get $byte) (i32.const 32)))))
      (br_if $next
        (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $end))))))
"""

_TOOL = """name = "@NAME@"
version = "0.1.0"
licence = "Apache-2.0"
purpose = "Turn text into capitals"
description = "Gives a text back with the letters a to z as capitals."
abi = "argv"
stdin = "{text}"
result = "text"

[annotations]
readOnlyHint = true
idempotentHint = true

[input]
type = "object"
required = ["text"]
additionalProperties = false

[input.properties]
text = { type = "string", maxLength = 1_000_000, description = "The text." }
"""

_CALLS = """# Calls that `hatchway test` makes, each in a fresh sandbox, as an MCP client would.

[[call]]
name = "raises the letters a to z"
arguments = { text = "Grün ist schön." }
text = "GRüN IST SCHöN."

[[call]]
name = "has nothing to say about nothing"
arguments = { text = "" }
text = ""
"""

_README = """# @NAME@

A tool for MCP clients, in WebAssembly's own text format. It may touch nothing.

| File | Holds |
|---|---|
| `main.wat` | the program |
| `tool.toml` | what it is for, what it takes and gives, and how that becomes a command line |
| `calls.toml` | calls of the finished tool, and what they must answer |

```sh
hatchway build            # assemble, audit, write @NAME@.wasm
hatchway test             # make the calls in the sandbox
hatchway dev              # serve to an MCP client, and rebuild on every change
```
"""


def files_of(name: str) -> dict[str, str]:
    """The files, by path."""
    files = {
        "main.wat": _SOURCE,
        "tool.toml": _TOOL,
        "calls.toml": _CALLS,
        "Makefile": MAKEFILE,
        ".gitignore": IGNORED,
        "README.md": _README,
    }
    return filled(files, name)
