;; Between QuickJS and the component's interfaces.
;;
;; It moves texts and carries the event loop on; whatever has to be decided about a JavaScript
;; value is decided in `prelude.js`, by the one function `ask`. {{ASK}} is its handle, and
;; {{BASE}} where our own 16 KiB of the engine's memory begin:
;;
;;     +0    where imports put their results        +512   four words for each stream:
;;     +256  arguments of a call of JavaScript             bytes waiting, handle, lines,
;;                                                        lines when it was last flushed
;;     +320  "code.js"                              +1024  what waits for stdout, then stderr
;;
;; A handle is the engine's name of a JavaScript value; 0 says that an exception is on its way.
(core module $adapter
  (import "js" "memory" (memory 1))
  (import "js" "realloc" (func $realloc (param i32 i32) (result i32)))
  (import "js" "free" (func $release (param i32)))
  (import "js" "strlen" (func $strlen (param i32) (result i32)))
  (import "js" "qjs_eval" (func $eval (param i32 i32 i32 i32) (result i32)))
  (import "js" "qjs_call" (func $call (param i32 i32 i32 i32) (result i32)))
  (import "js" "qjs_throw" (func $throw (param i32) (result i32)))
  (import "js" "qjs_get_exception" (func $exception (result i32)))
  (import "js" "qjs_is_exception" (func $is_exception (param i32) (result i32)))
  (import "js" "qjs_is_undefined" (func $is_undefined (param i32) (result i32)))
  (import "js" "qjs_is_promise" (func $is_promise (param i32) (result i32)))
  (import "js" "qjs_promise_state" (func $promise_state (param i32) (result i32)))
  (import "js" "qjs_promise_result" (func $promise_result (param i32) (result i32)))
  (import "js" "qjs_is_job_pending" (func $is_job_pending (result i32)))
  (import "js" "qjs_execute_pending_job" (func $execute_pending_job (result i32)))
  (import "js" "qjs_new_string" (func $new_string (param i32 i32) (result i32)))
  (import "js" "qjs_new_number" (func $new_number (param f64) (result i32)))
  (import "js" "qjs_new_uint8_array" (func $new_bytes (param i32 i32) (result i32)))
  (import "js" "qjs_get_undefined" (func $undefined (result i32)))
  (import "js" "qjs_get_bool" (func $get_bool (param i32) (result i32)))
  (import "js" "qjs_get_float64" (func $get_number (param i32) (result f64)))
  (import "js" "qjs_get_string_len" (func $get_string (param i32 i32) (result i32)))
  (import "js" "qjs_get_array_buffer" (func $get_buffer (param i32 i32) (result i32)))
  (import "js" "qjs_free_cstring" (func $free_string (param i32)))
  (import "js" "qjs_free_value" (func $free (param i32)))
  (import "host" "stdout" (func $stdout (result i32)))
  (import "host" "stderr" (func $stderr (result i32)))
  (import "host" "write" (func $send (param i32 i32 i32 i32)))
  (import "host" "wall" (func $wall (param i32)))
  (import "host" "monotonic" (func $monotonic (result i64)))
  (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
  (import "host" "block" (func $block (param i32)))
  (import "host" "drop" (func $drop (param i32)))
  (import "host" "random" (func $draw (param i64 i32)))
  (import "host" "search" (func $search (param i32 i32 i32 i32)))
  (import "host" "describe" (func $describe (param i32 i32 i32)))
  (import "host" "call" (func $call_tool (param i32 i32 i32 i32 i32)))
  (import "host" "directories" (func $directories (param i32)))
  (import "host" "open" (func $open (param i32 i32 i32 i32 i32 i32 i32)))
  (import "host" "read" (func $read (param i32 i64 i64 i32)))
  (import "host" "write-file" (func $write_file (param i32 i32 i32 i64 i32)))
  (import "host" "unlink" (func $unlink (param i32 i32 i32 i32)))
  (import "host" "list" (func $list (param i32 i32)))
  (import "host" "entry" (func $entry (param i32 i32)))
  (import "host" "close" (func $close (param i32)))
  (import "host" "close-list" (func $close_list (param i32)))

  (global $length (mut i32) (i32.const 0))
  (global $interrupts (mut i32) (i32.const 0))
  (global $flushes (mut i32) (i32.const 0))
  (global $has_directories (mut i32) (i32.const 0))
  (global $directories_at (mut i32) (i32.const 0))
  (global $directories_count (mut i32) (i32.const 0))
