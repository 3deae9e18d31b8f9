;; The component around the engine: `$js` is where the prepared module is put in.
(component
  (type $tools-types (instance
    (type $f (record (field "code" string) (field "message" string)))
    (export "failure" (type $failure (eq $f)))
    (export "search" (func (param "query" string) (param "most" u32) (result string)))
    (export "describe" (func (param "name" string) (result (result string (error $failure)))))
    (export "call" (func (param "name" string) (param "arguments" string)
      (result (result string (error $failure)))))))
  (import "hatchway:tools/tools@0.1.0" (instance $tools (type $tools-types)))

  (import "wasi:io/error@0.2.0" (instance $error
    (export "error" (type (sub resource)))))
  (alias export $error "error" (type $error-type))
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $output (sub resource)))
    (alias outer 1 $error-type (type $e))
    (export "error" (type $error (eq $e)))
    (type $se (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $se)))
    (export "[method]output-stream.blocking-write-and-flush" (func
      (param "self" (borrow $output)) (param "contents" (list u8))
      (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $output))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $output (type $o))
    (export "output-stream" (type $output (eq $o)))
    (export "get-stdout" (func (result (own $output))))))
  (import "wasi:cli/stderr@0.2.0" (instance $stderr
    (alias outer 1 $output (type $o))
    (export "output-stream" (type $output (eq $o)))
    (export "get-stderr" (func (result (own $output))))))
  (import "wasi:clocks/wall-clock@0.2.0" (instance $wall
    (type $d (record (field "seconds" u64) (field "nanoseconds" u32)))
    (export "datetime" (type $datetime (eq $d)))
    (export "now" (func (result $datetime)))))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $monotonic
    (alias outer 1 $pollable (type $p))
    (export "pollable" (type $pollable (eq $p)))
    (export "now" (func (result u64)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))

  (import "wasi:filesystem/types@0.2.0" (instance $files
    (export "descriptor" (type $descriptor (sub resource)))
    (export "directory-entry-stream" (type $entries (sub resource)))
    (type $c (enum
      "access" "would-block" "already" "bad-descriptor" "busy" "deadlock" "quota" "exist"
      "file-too-large" "illegal-byte-sequence" "in-progress" "interrupted" "invalid" "io"
      "is-directory" "loop" "too-many-links" "message-size" "name-too-long" "no-device"
      "no-entry" "no-lock" "insufficient-memory" "insufficient-space" "not-directory"
      "not-empty" "not-recoverable" "unsupported" "no-tty" "no-such-device" "overflow"
      "not-permitted" "pipe" "read-only" "invalid-seek" "text-file-busy" "cross-device"))
    (export "error-code" (type $code (eq $c)))
    (type $pf (flags "symlink-follow"))
    (export "path-flags" (type $path-flags (eq $pf)))
    (type $of (flags "create" "directory" "exclusive" "truncate"))
    (export "open-flags" (type $open-flags (eq $of)))
    (type $df (flags "read" "write" "file-integrity-sync" "data-integrity-sync"
      "requested-write-sync" "mutate-directory"))
    (export "descriptor-flags" (type $descriptor-flags (eq $df)))
    (type $dt (enum "unknown" "block-device" "character-device" "directory" "fifo"
      "symbolic-link" "regular-file" "socket"))
    (export "descriptor-type" (type $descriptor-type (eq $dt)))
    (type $de (record (field "type" $descriptor-type) (field "name" string)))
    (export "directory-entry" (type $entry (eq $de)))
    (export "[method]descriptor.open-at" (func (param "self" (borrow $descriptor))
      (param "path-flags" $path-flags) (param "path" string)
      (param "open-flags" $open-flags) (param "flags" $descriptor-flags)
      (result (result (own $descriptor) (error $code)))))
    (export "[method]descriptor.read" (func (param "self" (borrow $descriptor))
      (param "length" u64) (param "offset" u64)
      (result (result (tuple (list u8) bool) (error $code)))))
    (export "[method]descriptor.write" (func (param "self" (borrow $descriptor))
      (param "buffer" (list u8)) (param "offset" u64) (result (result u64 (error $code)))))
    (export "[method]descriptor.unlink-file-at" (func (param "self" (borrow $descriptor))
      (param "path" string) (result (result (error $code)))))
    (export "[method]descriptor.read-directory" (func (param "self" (borrow $descriptor))
      (result (result (own $entries) (error $code)))))
    (export "[method]directory-entry-stream.read-directory-entry" (func
      (param "self" (borrow $entries))
      (result (result (option $entry) (error $code)))))))
  (alias export $files "descriptor" (type $descriptor))
  (alias export $files "directory-entry-stream" (type $entries))
  (import "wasi:filesystem/preopens@0.2.0" (instance $preopens
    (alias outer 1 $descriptor (type $d))
    (export "descriptor" (type $descriptor (eq $d)))
    (export "get-directories" (func (result (list (tuple (own $descriptor) string)))))))

  ;; What the engine imports, before there is an adapter: a table to be filled below.
  (core module $shim
    (type $t0 (func (result i32)))
    (type $t1 (func (param i32 i32 i32)))
    (type $t2 (func (param i32 i32) (result i32)))
    (type $t3 (func (param i32 i32)))
    (type $t5 (func (param i32 i32 i32 i32 i32) (result i32)))
    (table $table (export "table") 6 6 funcref)
    (func (export "host_interrupt") (result i32)
      (call_indirect (type $t0) (i32.const 0)))
    (func (export "host_promise_rejection") (param i32 i32 i32)
      (call_indirect (type $t1) (local.get 0) (local.get 1) (local.get 2) (i32.const 1)))
    (func (export "host_module_normalize") (param i32 i32) (result i32)
      (call_indirect (type $t2) (local.get 0) (local.get 1) (i32.const 2)))
    (func (export "clock_time_get") (param i32 i64 i32) (result i32)
      (call_indirect (type $t3) (local.get 0) (local.get 2) (i32.const 3))
      (i32.const 0))
    (func (export "random_get") (param i32 i32) (result i32)
      (call_indirect (type $t3) (local.get 0) (local.get 1) (i32.const 4))
      (i32.const 0))
    (func (export "host_call") (param i32 i32 i32 i32 i32) (result i32)
      (call_indirect (type $t5) (local.get 0) (local.get 1) (local.get 2) (local.get 3)
        (local.get 4) (i32.const 5)))
    (func (export "host_module_load") (param i32 i32) (result i32) (i32.const 0))
    (func (export "host_get_timezone_offset") (param i32 i32) (result i32) (i32.const 0))
    ;; Of files, the engine's C library has none: EBADF.
    (func (export "fd_close") (param i32) (result i32) (i32.const 8))
    (func (export "fd_fdstat_get") (param i32 i32) (result i32) (i32.const 8))
    (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) (i32.const 8))
    (func (export "fd_write") (param i32 i32 i32 i32) (result i32) (i32.const 8)))
  (core instance $shim (instantiate $shim))
  (core instance $js (instantiate $js
    (with "env" (instance $shim))
    (with "wasi_snapshot_preview1" (instance $shim))))
  (alias core export $js "memory" (core memory $memory))

  ;; Where the host puts texts that it gives the adapter.
  (core module $space
    (import "js" "realloc" (func $realloc (param i32 i32) (result i32)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local i32)
      (local.set 4 (call $realloc (local.get 0) (i32.add (local.get 3) (i32.const 8))))
      (if (i32.eqz (local.get 4)) (then (unreachable)))
      (local.get 4)))
  (core instance $space (instantiate $space (with "js" (instance $js))))
  (alias core export $space "realloc" (core func $realloc))

  (core func $get-stdout (canon lower (func $stdout "get-stdout")))
  (core func $get-stderr (canon lower (func $stderr "get-stderr")))
  (core func $write (canon lower
    (func $streams "[method]output-stream.blocking-write-and-flush") (memory $memory)))
  (core func $wall-now (canon lower (func $wall "now") (memory $memory)))
  (core func $monotonic-now (canon lower (func $monotonic "now")))
  (core func $subscribe (canon lower (func $monotonic "subscribe-duration")))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core func $drop (canon resource.drop $pollable))
  (core func $draw (canon lower (func $random "get-random-bytes")
    (memory $memory) (realloc $realloc)))
  (core func $search (canon lower (func $tools "search") (memory $memory) (realloc $realloc)))
  (core func $describe (canon lower (func $tools "describe")
    (memory $memory) (realloc $realloc)))
  (core func $call (canon lower (func $tools "call") (memory $memory) (realloc $realloc)))

  (core func $directories (canon lower (func $preopens "get-directories")
    (memory $memory) (realloc $realloc)))
  (core func $open (canon lower (func $files "[method]descriptor.open-at") (memory $memory)))
  (core func $read (canon lower (func $files "[method]descriptor.read")
    (memory $memory) (realloc $realloc)))
  (core func $write-file (canon lower (func $files "[method]descriptor.write")
    (memory $memory)))
  (core func $unlink (canon lower (func $files "[method]descriptor.unlink-file-at")
    (memory $memory)))
  (core func $read-directory (canon lower
    (func $files "[method]descriptor.read-directory") (memory $memory)))
  (core func $read-entry (canon lower
    (func $files "[method]directory-entry-stream.read-directory-entry")
    (memory $memory) (realloc $realloc)))
  (core func $drop-descriptor (canon resource.drop $descriptor))
  (core func $drop-entries (canon resource.drop $entries))

  {{ADAPTER}}
  (core instance $adapter (instantiate $adapter
    (with "js" (instance $js))
    (with "host" (instance
      (export "stdout" (func $get-stdout)) (export "stderr" (func $get-stderr))
      (export "write" (func $write))
      (export "wall" (func $wall-now)) (export "monotonic" (func $monotonic-now))
      (export "subscribe" (func $subscribe)) (export "block" (func $block))
      (export "drop" (func $drop)) (export "random" (func $draw))
      (export "search" (func $search)) (export "describe" (func $describe))
      (export "call" (func $call))
      (export "directories" (func $directories)) (export "open" (func $open))
      (export "read" (func $read)) (export "write-file" (func $write-file))
      (export "unlink" (func $unlink)) (export "list" (func $read-directory))
      (export "entry" (func $read-entry)) (export "close" (func $drop-descriptor))
      (export "close-list" (func $drop-entries))))))
  (core module $fill
    (import "shim" "table" (table 6 funcref))
    (import "adapter" "interrupt" (func $f0 (result i32)))
    (import "adapter" "rejection" (func $f1 (param i32 i32 i32)))
    (import "adapter" "normalize" (func $f2 (param i32 i32) (result i32)))
    (import "adapter" "clock" (func $f3 (param i32 i32)))
    (import "adapter" "random" (func $f4 (param i32 i32)))
    (import "adapter" "call" (func $f5 (param i32 i32 i32 i32 i32) (result i32)))
    (elem (i32.const 0) func $f0 $f1 $f2 $f3 $f4 $f5))
  (core instance (instantiate $fill
    (with "shim" (instance $shim)) (with "adapter" (instance $adapter))))

  (type $failure (record (field "kind" string) (field "message" string)
    (field "traceback" string)))
  (type $run-type (func (param "code" string) (param "inputs" string)
    (result (result (option string) (error $failure)))))
  (func $run (type $run-type) (canon lift (core func $adapter "run")
    (memory $memory) (realloc $realloc)))
  (component $code
    (type $f (record (field "kind" string) (field "message" string) (field "traceback" string)))
    (import "failure" (type $failure (eq $f)))
    (import "run" (func $run (param "code" string) (param "inputs" string)
      (result (result (option string) (error $failure)))))
    (export $exported "failure" (type $failure))
    (export "run" (func $run) (func (param "code" string) (param "inputs" string)
      (result (result (option string) (error $exported))))))
  (instance $exported (instantiate $code
    (with "failure" (type $failure)) (with "run" (func $run))))
  (export "hatchway:exec/code@0.1.0" (instance $exported)))
