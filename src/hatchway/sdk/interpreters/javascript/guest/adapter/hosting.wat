  ;; ---- what the engine asks of its host ----

  ;; Every ten thousand steps of a program. What waits is sent, ever less often.
  (func (export "interrupt") (result i32)
    (global.set $interrupts (i32.add (global.get $interrupts) (i32.const 1)))
    (if (i32.gt_u (global.get $interrupts) (i32.shr_u (global.get $flushes) (i32.const 10)))
      (then (global.set $interrupts (i32.const 0)) (call $flush_all)))
    (i32.const 0))

  (func (export "rejection") (param $promise i32) (param $reason i32) (param $handled i32)
    (local $flag i32)
    (local.set $flag (call $new_number (f64.convert_i32_u (local.get $handled))))
    (drop (call $ask (i32.const 8)
      (local.get $promise) (local.get $reason) (local.get $flag)))
    (call $free (local.get $flag))
    (call $free (local.get $promise))
    (call $free (local.get $reason)))

  ;; No module is ever found.
  (func (export "normalize") (param $base i32) (param $name i32) (result i32)
    (local $text i32) (local $error i32)
    (local.set $text (call $new_string (local.get $name) (call $strlen (local.get $name))))
    (local.set $error (call $ask_about (i32.const 9) (local.get $text)))
    (call $free (local.get $text))
    (if (local.get $error) (then
      (call $free (call $throw (local.get $error)))
      (call $free (local.get $error))))
    (i32.const 0))

  (func (export "clock") (param $clock i32) (param $at i32)
    (if (local.get $clock)
      (then (i64.store (local.get $at) (call $monotonic)))
      (else
        (call $wall (i32.const {{BASE}}))
        (i64.store (local.get $at) (i64.add
          (i64.mul (i64.load (i32.const {{BASE}})) (i64.const 1000000000))
          (i64.load32_u offset=8 (i32.const {{BASE}})))))))

  (func (export "random") (param $at i32) (param $count i32)
    (call $draw (i64.extend_i32_u (local.get $count)) (i32.const {{BASE}}))
    (memory.copy (local.get $at) (i32.load (i32.const {{BASE}})) (local.get $count)))

  ;; The functions that the prelude was given; their names are one letter long.
  (func (export "call") (param $name i32) (param $length i32) (param $this i32)
    (param $count i32) (param $arguments i32) (result i32)
    (local $letter i32) (local $one i32) (local $two i32) (local $three i32)
    (local.set $letter (i32.load8_u (local.get $name)))
    (if (i32.ge_u (local.get $count) (i32.const 1))
      (then (local.set $one (i32.load (local.get $arguments)))))
    (if (i32.ge_u (local.get $count) (i32.const 2))
      (then (local.set $two (i32.load offset=4 (local.get $arguments)))))
    (if (i32.ge_u (local.get $count) (i32.const 3))
      (then (local.set $three (i32.load offset=8 (local.get $arguments)))))
    (if (i32.eq (local.get $letter) (i32.const 111)) ;; o: to stdout
      (then (return (call $printed (i32.const 0) (local.get $one)))))
    (if (i32.eq (local.get $letter) (i32.const 101)) ;; e: to stderr
      (then (return (call $printed (i32.const 1) (local.get $one)))))
    (if (i32.eq (local.get $letter) (i32.const 114)) ;; r: random bytes
      (then (return (call $random_bytes (local.get $one)))))
    (if (i32.eq (local.get $letter) (i32.const 116)) ;; t: monotonic milliseconds
      (then (return (call $milliseconds))))
    (if (i32.eq (local.get $letter) (i32.const 119)) ;; w: wait some milliseconds
      (then (return (call $waited (local.get $one)))))
    (if (i32.eq (local.get $letter) (i32.const 99)) ;; c: call a tool
      (then (return (call $called (local.get $one) (local.get $two)))))
    (if (i32.eq (local.get $letter) (i32.const 100)) ;; d: describe a tool
      (then (return (call $described (local.get $one)))))
    (if (i32.eq (local.get $letter) (i32.const 115)) ;; s: search tools
      (then (return (call $found (local.get $one) (local.get $two)))))
    (if (i32.eq (local.get $letter) (i32.const 107)) ;; k: the code of a tool's failure
      (then (return (call $failed_code))))
    (if (i32.eq (local.get $letter) (i32.const 109)) ;; m: and its message
      (then (return (call $failed_message))))
    (if (i32.eq (local.get $letter) (i32.const 98)) ;; b: a text as bytes
      (then (return (call $bytes_of (local.get $one)))))
    (if (i32.eq (local.get $letter) (i32.const 97)) ;; a: bytes as a text
      (then (return (call $text_of (local.get $one)))))
    (if (i32.eq (local.get $letter) (i32.const 112)) ;; p: the path of a directory
      (then (return (call $directory (local.get $one)))))
    (if (i32.eq (local.get $letter) (i32.const 102)) ;; f: open a file
      (then (return (call $opened (local.get $one) (local.get $two) (local.get $three)))))
    (if (i32.eq (local.get $letter) (i32.const 103)) ;; g: read from it
      (then (return (call $got (local.get $one) (local.get $two)))))
    (if (i32.eq (local.get $letter) (i32.const 117)) ;; u: write to it
      (then (return (call $put (local.get $one) (local.get $two) (local.get $three)))))
    (if (i32.eq (local.get $letter) (i32.const 113)) ;; q: close it
      (then (return (call $closed (local.get $one)))))
    (if (i32.eq (local.get $letter) (i32.const 120)) ;; x: remove a file
      (then (return (call $removed (local.get $one) (local.get $two)))))
    (if (i32.eq (local.get $letter) (i32.const 108)) ;; l: the names in a directory
      (then (return (call $listed (local.get $one)))))
    (call $undefined))

  (func $milliseconds (result i32)
    (call $new_number (f64.div (f64.convert_i64_u (call $monotonic)) (f64.const 1000000))))

  (func $failed_code (result i32)
    (call $new_string
      (i32.load offset=4 (i32.const {{FAILURE}})) (i32.load offset=8 (i32.const {{FAILURE}}))))

  (func $failed_message (result i32)
    (call $new_string
      (i32.load offset=12 (i32.const {{FAILURE}})) (i32.load offset=16 (i32.const {{FAILURE}}))))

  (func $printed (param $stream i32) (param $value i32) (result i32) (local $at i32)
    (local.set $at (call $text (local.get $value)))
    (call $print (local.get $stream) (local.get $at) (global.get $length))
    (if (i32.ne (local.get $at) (i32.const {{BASE}}))
      (then (call $free_string (local.get $at))))
    (call $undefined))

  (func $random_bytes (param $count i32) (result i32)
    (call $draw (i64.trunc_sat_f64_u (call $get_number (local.get $count))) (i32.const {{BASE}}))
    (call $new_bytes
      (i32.load (i32.const {{BASE}})) (i32.load offset=4 (i32.const {{BASE}}))))

  (func $waited (param $milliseconds i32) (result i32) (local $pollable i32)
    (call $flush_all)
    (local.set $pollable (call $subscribe (i64.trunc_sat_f64_u
      (f64.mul (call $get_number (local.get $milliseconds)) (f64.const 1000000)))))
    (call $block (local.get $pollable))
    (call $drop (local.get $pollable))
    (call $undefined))

  (func $found (param $query i32) (param $most i32) (result i32) (local $at i32)
    (call $flush_all)
    (local.set $at (call $text (local.get $query)))
    (call $search (local.get $at) (global.get $length)
      (i32.trunc_sat_f64_u (call $get_number (local.get $most))) (i32.const {{FAILURE}}))
    (call $new_string
      (i32.load (i32.const {{FAILURE}})) (i32.load offset=4 (i32.const {{FAILURE}}))))

  (func $described (param $name i32) (result i32) (local $at i32)
    (call $flush_all)
    (local.set $at (call $text (local.get $name)))
    (call $describe (local.get $at) (global.get $length) (i32.const {{FAILURE}}))
    (call $answered))

  (func $called (param $name i32) (param $arguments i32) (result i32)
    (local $at i32) (local $count i32) (local $values i32)
    (call $flush_all)
    (local.set $at (call $text (local.get $name)))
    (local.set $count (global.get $length))
    (local.set $values (call $text (local.get $arguments)))
    (call $call_tool (local.get $at) (local.get $count)
      (local.get $values) (global.get $length) (i32.const {{FAILURE}}))
    (call $answered))

  ;; The text of a `result<string, failure>`, or undefined.
  (func $answered (result i32)
    (if (i32.load8_u (i32.const {{FAILURE}})) (then (return (call $undefined))))
    (call $new_string
      (i32.load offset=4 (i32.const {{FAILURE}})) (i32.load offset=8 (i32.const {{FAILURE}}))))
