  ;; ---- what is printed ----

  (func $buffer (param $stream i32) (result i32)
    (i32.add (i32.const {{BUFFERS}}) (i32.shl (local.get $stream) (i32.const 12))))

  (func $flush (param $stream i32) (local $state i32)
    (local.set $state (i32.add (i32.const {{STREAMS}})
      (i32.shl (local.get $stream) (i32.const 4))))
    (if (i32.eqz (i32.load (local.get $state))) (then (return)))
    (if (i32.eqz (i32.load offset=4 (local.get $state))) (then
      (i32.store offset=4 (local.get $state)
        (if (result i32) (local.get $stream)
          (then (call $stderr)) (else (call $stdout))))))
    (call $send (i32.load offset=4 (local.get $state)) (call $buffer (local.get $stream))
      (i32.load (local.get $state)) (i32.const {{BASE}}))
    (global.set $flushes (i32.add (global.get $flushes) (i32.const 1)))
    (i32.store offset=12 (local.get $state) (i32.load offset=8 (local.get $state)))
    (i32.store (local.get $state) (i32.const 0)))

  (func $flush_all
    (call $flush (i32.const 0))
    (call $flush (i32.const 1)))

  ;; A stop may come at any time and leaves behind what waits here. So the first lines leave at
  ;; once, later ones when one in 64 waits or 4 KiB do: a call of the host costs more than a line.
  (func $print (param $stream i32) (param $at i32) (param $left i32)
    (local $state i32) (local $count i32) (local $used i32)
    (local.set $state (i32.add (i32.const {{STREAMS}})
      (i32.shl (local.get $stream) (i32.const 4))))
    (block $done (loop $more
      (br_if $done (i32.eqz (local.get $left)))
      (local.set $used (i32.load (local.get $state)))
      (local.set $count (i32.sub (i32.const 4096) (local.get $used)))
      (if (i32.lt_u (local.get $left) (local.get $count))
        (then (local.set $count (local.get $left))))
      (memory.copy (i32.add (call $buffer (local.get $stream)) (local.get $used))
        (local.get $at) (local.get $count))
      (i32.store (local.get $state) (i32.add (local.get $used) (local.get $count)))
      (local.set $at (i32.add (local.get $at) (local.get $count)))
      (local.set $left (i32.sub (local.get $left) (local.get $count)))
      (if (i32.eq (i32.load (local.get $state)) (i32.const 4096))
        (then (call $flush (local.get $stream))))
      (br $more)))
    (local.set $count (i32.add (i32.load offset=8 (local.get $state)) (i32.const 1)))
    (i32.store offset=8 (local.get $state) (local.get $count))
    (if (i32.ge_u (i32.sub (local.get $count) (i32.load offset=12 (local.get $state)))
          (i32.shr_u (local.get $count) (i32.const 6)))
      (then (call $flush (local.get $stream)))))
