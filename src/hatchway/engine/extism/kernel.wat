;; The kernel that plug-ins for Extism share memory with; `kernel.py` says how it works.
;; `kernel.wasm` is this file assembled; a test compares the two.
(module
  (memory (export "memory") 1)
  (global $top (mut i64) (i64.const 1024))
  (global $input (mut i64) (i64.const 0))
  (global $input_length (mut i64) (i64.const 0))
  (global $output (mut i64) (i64.const 0))
  (global $output_length (mut i64) (i64.const 0))
  (global $error (mut i64) (i64.const 0))

  (func $size (result i64)
    (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16)))

  ;; Whether `count` bytes at `at` are a plug-in's to read and write.
  (func $inside (param $at i64) (param $count i64) (result i32)
    (i32.and
      (i64.ge_u (local.get $at) (i64.const 1024))
      (i32.and
        (i64.le_u (local.get $count) (call $size))
        (i64.le_u (local.get $at) (i64.sub (call $size) (local.get $count))))))

  (func $tag (param $at i64) (result i32)
    (i32.xor (i32.wrap_i64 (local.get $at)) (i32.const 0x5a17c0de)))

  ;; The header of a live block, or 0.
  (func $header (param $at i64) (result i32)
    (local $header i32)
    (if (i32.eqz (call $inside (local.get $at) (i64.const 1))) (then (return (i32.const 0))))
    (if (i32.and (i32.wrap_i64 (local.get $at)) (i32.const 15)) (then (return (i32.const 0))))
    (local.set $header (i32.sub (i32.wrap_i64 (local.get $at)) (i32.const 16)))
    (if (i32.ne (i32.load (local.get $header)) (call $tag (local.get $at)))
      (then (return (i32.const 0))))
    (local.get $header))

  ;; The list that free blocks with `room` are in: one for each small size, one for the others.
  (func $list (param $room i32) (result i32)
    (if (i32.gt_u (local.get $room) (i32.const 2048)) (then (return (i32.const 16))))
    (i32.add (i32.const 32)
      (i32.shl (i32.sub (i32.const 32) (i32.clz (local.get $room))) (i32.const 2))))

  ;; Small blocks come in powers of two, so that they fit again.
  (func $room (param $count i32) (result i32)
    (if (i32.le_u (local.get $count) (i32.const 16)) (then (return (i32.const 16))))
    (if (i32.le_u (local.get $count) (i32.const 2048))
      (then (return (i32.shl (i32.const 1)
        (i32.sub (i32.const 32) (i32.clz (i32.sub (local.get $count) (i32.const 1))))))))
    (i32.and (i32.add (local.get $count) (i32.const 15)) (i32.const -16)))

  (func $claim (param $header i32) (param $count i32) (result i64)
    (local $at i64)
    (local.set $at (i64.extend_i32_u (i32.add (local.get $header) (i32.const 16))))
    (i32.store (local.get $header) (call $tag (local.get $at)))
    (i32.store offset=8 (local.get $header) (local.get $count))
    (local.get $at))

  (func $alloc (export "alloc") (param $count i64) (result i64)
    (local $room i32) (local $link i32) (local $found i32) (local $end i64) (local $more i64)
    (if (i64.eqz (local.get $count)) (then (return (i64.const 0))))
    (if (i64.gt_u (local.get $count) (i64.const 0xffff0000)) (then (return (i64.const 0))))
    (local.set $room (call $room (i32.wrap_i64 (local.get $count))))
    (local.set $link (call $list (local.get $room)))
    (block $none
      (loop $search
        (br_if $none (i32.eqz (local.tee $found (i32.load (local.get $link)))))
        (if (i32.ge_u (i32.load offset=4 (local.get $found)) (local.get $room))
          (then
            (i32.store (local.get $link) (i32.load offset=12 (local.get $found)))
            (return (call $claim (local.get $found) (i32.wrap_i64 (local.get $count))))))
        (local.set $link (i32.add (local.get $found) (i32.const 12)))
        (br $search)))
    (local.set $end
      (i64.add (i64.add (global.get $top) (i64.const 16)) (i64.extend_i32_u (local.get $room))))
    (if (i64.gt_u (local.get $end) (call $size))
      (then
        (local.set $more (i64.shr_u
          (i64.add (i64.sub (local.get $end) (call $size)) (i64.const 65535)) (i64.const 16)))
        (if (i32.eq (memory.grow (i32.wrap_i64 (local.get $more))) (i32.const -1))
          (then (return (i64.const 0))))))
    (local.set $found (i32.wrap_i64 (global.get $top)))
    (global.set $top (local.get $end))
    (i32.store offset=4 (local.get $found) (local.get $room))
    (call $claim (local.get $found) (i32.wrap_i64 (local.get $count))))

  (func (export "free") (param $at i64)
    (local $header i32) (local $link i32)
    (if (i32.eqz (local.tee $header (call $header (local.get $at)))) (then (return)))
    (i32.store (local.get $header) (i32.const 0))
    (i32.store offset=8 (local.get $header) (i32.const 0))
    (local.set $link (call $list (i32.load offset=4 (local.get $header))))
    (i32.store offset=12 (local.get $header) (i32.load (local.get $link)))
    (i32.store (local.get $link) (local.get $header))
    (if (i64.eq (local.get $at) (global.get $input))
      (then (global.set $input_length (i64.const 0)))))

  (func $length (export "length") (param $at i64) (result i64)
    (local $header i32)
    (if (i32.eqz (local.tee $header (call $header (local.get $at))))
      (then (return (i64.const 0))))
    (i64.load32_u offset=8 (local.get $header)))
  (export "length_unsafe" (func $length))

  (func (export "load_u8") (param $at i64) (result i32)
    (if (i32.eqz (call $inside (local.get $at) (i64.const 1))) (then (return (i32.const 0))))
    (i32.load8_u (i32.wrap_i64 (local.get $at))))
  (func (export "load_u64") (param $at i64) (result i64)
    (if (i32.eqz (call $inside (local.get $at) (i64.const 8))) (then (return (i64.const 0))))
    (i64.load (i32.wrap_i64 (local.get $at))))
  (func (export "store_u8") (param $at i64) (param $value i32)
    (if (i32.eqz (call $inside (local.get $at) (i64.const 1))) (then (return)))
    (i32.store8 (i32.wrap_i64 (local.get $at)) (local.get $value)))
  (func (export "store_u64") (param $at i64) (param $value i64)
    (if (i32.eqz (call $inside (local.get $at) (i64.const 8))) (then (return)))
    (i64.store (i32.wrap_i64 (local.get $at)) (local.get $value)))

  (func (export "input_load_u8") (param $offset i64) (result i32)
    (if (i64.ge_u (local.get $offset) (global.get $input_length)) (then (return (i32.const 0))))
    (i32.load8_u (i32.wrap_i64 (i64.add (global.get $input) (local.get $offset)))))
  (func (export "input_load_u64") (param $offset i64) (result i64)
    (if (i64.lt_u (global.get $input_length) (i64.const 8)) (then (return (i64.const 0))))
    (if (i64.gt_u (local.get $offset) (i64.sub (global.get $input_length) (i64.const 8)))
      (then (return (i64.const 0))))
    (i64.load (i32.wrap_i64 (i64.add (global.get $input) (local.get $offset)))))
  (func (export "input_set") (param $at i64) (param $count i64)
    (if (i32.eqz (call $inside (local.get $at) (local.get $count))) (then (return)))
    (global.set $input (local.get $at))
    (global.set $input_length (local.get $count)))
  (func (export "input_offset") (result i64) (global.get $input))
  (func (export "input_length") (result i64) (global.get $input_length))

  (func (export "output_set") (param $at i64) (param $count i64)
    (if (i64.ne (local.get $count) (i64.const 0))
      (then (if (i32.eqz (call $inside (local.get $at) (local.get $count))) (then (return)))))
    (global.set $output (local.get $at))
    (global.set $output_length (local.get $count)))
  (func (export "output_offset") (result i64) (global.get $output))
  (func (export "output_length") (result i64) (global.get $output_length))

  (func (export "error_set") (param $at i64)
    (if (i64.ne (local.get $at) (i64.const 0))
      (then (if (i32.eqz (call $inside (local.get $at) (i64.const 1))) (then (return)))))
    (global.set $error (local.get $at)))
  (func (export "error_get") (result i64) (global.get $error))

  (func (export "reset")
    (memory.fill (i32.const 0) (i32.const 0) (i32.wrap_i64 (global.get $top)))
    (global.set $top (i64.const 1024))
    (global.set $input (i64.const 0))
    (global.set $input_length (i64.const 0))
    (global.set $output (i64.const 0))
    (global.set $output_length (i64.const 0))
    (global.set $error (i64.const 0)))
  (func (export "memory_bytes") (result i64) (call $size)))
