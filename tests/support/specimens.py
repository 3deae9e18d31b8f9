"""Small modules and components that together use every part of the two formats."""

from __future__ import annotations

from functools import cache

import wasmtime

MODULES: dict[str, str] = {
    "a command": """(module
      (import "wasi_snapshot_preview1" "fd_write"
        (func $w (param i32 i32 i32 i32) (result i32)))
      (import "env" "table" (table 1 2 funcref))
      (import "env" "memory" (memory 1 2))
      (import "env" "global" (global $g (mut i64)))
      (@custom "hatchway" "{}")
      (@custom "producers" "\\01\\08language\\01\\04Rust\\00")
      (memory (export "second") 1)
      (table $t (export "t") 3 funcref)
      (global (export "g") i32 (i32.const 7))
      (func $start (export "_start") (drop (i32.const 1)))
      (func (export "f") (param i32) (result i32) (local.get 0))
      (start $start)
      (elem (i32.const 0) $start $w)
      (elem (table $t) (i32.const 1) func $start)
      (elem declare func $w)
      (data (i32.const 8) "hello")
      (data (memory 1) (i32.const -1) "")
      (data "passive"))""",
    "every import": """(module
      (type $f (func))
      (import "a" "function" (func (type $f)))
      (import "a" "function" (func (type $f)))
      (import "a" "table" (table 1 funcref))
      (import "a" "table with a bound" (table 1 2 externref))
      (import "a" "table of references" (table 1 (ref null $f)))
      (import "a" "table of 64 bits" (table i64 1 2 funcref))
      (import "a" "memory" (memory 1))
      (import "a" "memory with a bound" (memory 1 65536))
      (import "a" "memory of 64 bits" (memory i64 1 0x1000000000000))
      (import "a" "shared memory" (memory 1 2 shared))
      (import "a" "memory of small pages" (memory 1 2 (pagesize 1)))
      (import "a" "global" (global i32))
      (import "a" "variable" (global (mut f64)))
      (import "a" "global reference" (global (ref $f)))
      (import "a" "global any" (global anyref))
      (import "a" "tag" (tag (type $f)))
      (import "" "" (func (type $f))))""",
    "every initial value": """(module
      (type $s (struct (field (mut i8)) (field i32)))
      (type $b (array (mut i16)))
      (rec (type $x (sub (struct))) (type $y (sub $x (struct (field (ref null $x))))))
      (import "a" "g" (global $g i32))
      (func $f)
      (table 2 funcref (ref.func $f))
      (global i64 (i64.const -5))
      (global f32 (f32.const 1.5))
      (global f64 (f64.const 2.5))
      (global v128 (v128.const i64x2 1 2))
      (global i32 (i32.add (global.get $g) (i32.const 3)))
      (global i64 (i64.mul (i64.const 2) (i64.const 3)))
      (global funcref (ref.func $f))
      (global externref (ref.null extern))
      (global (ref $s) (struct.new $s (i32.const 1) (i32.const 2)))
      (global (ref $b) (array.new_fixed $b 1 (i32.const 1)))
      (global (ref i31) (ref.i31 (i32.const 4)))
      (elem funcref (ref.null func) (ref.func $f))
      (elem (ref func) (ref.func $f)))""",
    "tags": """(module
      (type $t (func (param i32)))
      (tag (export "tag") (type $t))
      (memory i64 1 2)
      (data (i64.const 4) "x")
      (func (export "f") (param exnref)))""",
    "nothing": "(module)",
}

_LIBRARY = """
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
    (func (export "f") (param i32))
    (func (export "g"))
    (func (export "s") (param i32 i32) (result i32) (i32.const 0)))
  (core instance $i (instantiate $m))
  (alias core export $i "memory" (core memory $memory))
  (func $f (param "p" u32) (canon lift (core func $i "f")))
  (func $g (canon lift (core func $i "g")))"""

COMPONENTS: dict[str, str] = {
    "imports": """(component
      (import "log" (func (param "text" string)))
      (import "wasi:cli/environment@0.2.3"
        (instance (export "get" (func (result (list (tuple string string)))))))
      (import "wasi:sockets/tcp@0.2.3" (instance (export "socket" (type (sub resource)))))
      (import "acme:deep/x" (instance
        (export "f" (func))
        (export "inner" (instance
          (export "r" (type (sub resource))) (export "g" (func (param "r" (own 0))))))))
      (import "module" (core module (import "x" "y" (func)) (export "z" (memory 1))))
      (import "resource" (type $r (sub resource)))
      (type $t (record (field "a" u8) (field "b" (option string))))
      (import "type" (type $u (eq $t)))
      (import "url=<https://example.com>" (func (param "r" (borrow $r)) (param "t" $u)))
      (@custom "hatchway" "{}")
      (@custom "producers" "\\01\\08language\\01\\04Rust\\00"))""",
    "types": f"""(component {_LIBRARY}
      (type $flags (flags "read" "write"))
      (type $enum (enum "a" "b"))
      (type $variant (variant (case "n") (case "s" string) (case "f" $flags)))
      (type $result (result $variant (error $enum)))
      (type $record (record (field "r" $result) (field "l" (list u64)) (field "c" char)))
      (export $flagsx "flags" (type $flags))
      (export $enumx "enum" (type $enum))
      (type $variantx (variant (case "n") (case "s" string) (case "f" $flagsx)))
      (export $v "v" (type $variantx))
      (func $s (param "text" string) (result (list u8))
        (canon lift (core func $i "s") (memory $memory) (realloc (core func $i "realloc"))))
      (export "say" (func $s))
      (instance $run (export "run" (func $g)))
      (export "wasi:cli/run@0.2.3" (instance $run))
      (instance $all (export "g" (func $g)) (export "f" (func $f)))
      (export "acme:tools/all@1.0.0" (instance $all)))""",
    "nested": f"""(component {_LIBRARY}
      (type $shared (func (param "p" u32)))
      (component $inner
        (alias outer 1 $m (core module $n))
        (import "f" (func $x (type $shared)))
        (import "i" (instance $y (export "g" (func))))
        (component $innermost (@custom "hatchway" "inside") (core module (func (export "go"))))
        (export "again" (func $x))
        (export "whole" (instance $y)))
      (instance $given (export "g" (func $g)) (export "more" (func $f)))
      (instance $made (instantiate $inner (with "f" (func $f)) (with "i" (instance $given))))
      (alias export $made "whole" (instance $whole))
      (export "whole" (instance $whole))
      (alias export $made "again" (func $again))
      (export "again" (func $again)))""",
    "resources": f"""(component {_LIBRARY}
      (type $r (resource (rep i32)))
      (core func $new (canon resource.new $r))
      (core func $drop (canon resource.drop $r))
      (core func $rep (canon resource.rep $r))
      (import "log" (func $log (param "text" string)))
      (core func $lowered (canon lower (func $log) (memory $memory)))
      (core instance $bag (export "log" (func $lowered)) (export "memory" (memory $memory)))
      (core module $user (import "a" "log" (func (param i32 i32))) (func (export "x")))
      (core instance $used (instantiate $user (with "a" (instance $bag))))
      (export $rx "thing" (type $r))
      (type $make (func (result (own $rx))))
      (core module $maker (func (export "make") (result i32) (i32.const 1)))
      (core instance $makes (instantiate $maker))
      (func $c (type $make) (canon lift (core func $makes "make")))
      (export "[constructor]thing" (func $c)))""",
    "declarations": """(component
      (core type $ct (func (param i32) (result i64)))
      (core type $mt (module (alias outer 1 $ct (type $c)) (import "a" "b" (func (type $c)))))
      (type $c (component
        (import "x" (func (param "a" s8)))
        (import "t" (type $t (sub resource)))
        (type $l (list (tuple bool f32)))
        (export "y" (func (param "a" (own $t)) (result $l)))))
      (type $i (instance
        (type $s string)
        (export "t" (type $t (eq $s)))
        (alias outer 1 $c (type $d))
        (export "f" (func (param "t" $t)))))
      (import "acme:x/y@0.1.0" (instance $y (type $i)))
      (alias export $y "f" (func $f))
      (alias export $y "t" (type $t)))""",
    "nothing": "(component)",
}


@cache
def assembled(text: str) -> bytes:
    """The binary of this text."""
    return bytes(wasmtime.wat2wasm(text))


def modules() -> list[bytes]:
    """All modules."""
    return [assembled(text) for text in MODULES.values()]


def components() -> list[bytes]:
    """All components."""
    return [assembled(text) for text in COMPONENTS.values()]
