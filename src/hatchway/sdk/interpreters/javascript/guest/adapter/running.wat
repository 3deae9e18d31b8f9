  ;; ---- the exported function ----

  ;; Carry on until nothing is left to be done.
  (func $settle (local $answer i32)
    (loop $again
      (block $idle (loop $jobs
        (br_if $idle (i32.eqz (call $is_job_pending)))
        (if (i32.lt_s (call $execute_pending_job) (i32.const 0))
          (then (drop (call $ask_about (i32.const 12) (call $exception)))))
        (br $jobs)))
      (local.set $answer (call $ask_nothing (i32.const 7)))
      (if (local.get $answer)
        (then (br_if $again (call $get_bool (local.get $answer)))))))

  (func (export "run") (param $code i32) (param $count i32) (param $inputs i32)
    (param $inputs_count i32) (result i32) (local $value i32) (local $result i32)
    ;; The engine wants a zero behind a program, for which `realloc` left room.
    (i32.store8 (i32.add (local.get $code) (local.get $count)) (i32.const 0))
    (local.set $value (call $new_string (local.get $inputs) (local.get $inputs_count)))
    (drop (call $ask (i32.const 0) (local.get $value)
      (call $new_string (local.get $code) (local.get $count)) (i32.const 0)))
    ;; 192: top-level `await`, and no frames but those of this program.
    (local.set $value (call $eval (local.get $code) (local.get $count)
      (i32.const {{FILENAME}}) (i32.const 192)))
    (if (call $is_exception (local.get $value))
      (then (return (call $failure (call $exception)))))
    (call $settle)
    (local.set $result (call $awaited (local.get $value)))
    (if (i32.eqz (local.get $result)) (then (return (call $told))))
    (local.set $result (call $ask_about (i32.const 1) (local.get $result)))
    (local.set $result (call $awaited (local.get $result)))
    (if (i32.eqz (local.get $result)) (then (return (call $told))))
    ;; A rejection that nobody looked at is a failure of the program, as elsewhere.
    (local.set $value (call $ask_nothing (i32.const 10)))
    (if (local.get $value) (then
      (if (call $get_bool (local.get $value)) (then (return (call $told))))))
    (local.set $result (call $ask_about (i32.const 2) (local.get $result)))
    (call $flush_all)
    (i32.store (i32.const {{FAILURE}}) (i32.const 0))
    (i32.store offset=4 (i32.const {{FAILURE}}) (i32.const 0))
    (if (i32.eqz (local.get $result)) (then (return (call $told))))
    (if (i32.eqz (call $is_undefined (local.get $result))) (then
      (i32.store8 offset=4 (i32.const {{FAILURE}}) (i32.const 1))
      (i32.store offset=8 (i32.const {{FAILURE}}) (call $text (local.get $result)))
      (i32.store offset=12 (i32.const {{FAILURE}}) (global.get $length))))
    (i32.const {{FAILURE}}))

  ;; What a promise came to, or the value itself; 0 when there is a failure to tell.
  (func $awaited (param $value i32) (result i32) (local $state i32)
    (if (i32.eqz (local.get $value)) (then (return (i32.const 0))))
    (if (i32.eqz (call $is_promise (local.get $value))) (then (return (local.get $value))))
    (local.set $state (call $promise_state (local.get $value)))
    (if (i32.eq (local.get $state) (i32.const 1))
      (then (return (call $promise_result (local.get $value)))))
    (if (i32.eqz (local.get $state))
      (then (drop (call $ask_nothing (i32.const 11))))
      (else (drop (call $ask_about (i32.const 3) (call $promise_result (local.get $value))))))
    (i32.const 0))

  (func $failure (param $thrown i32) (result i32)
    (drop (call $ask_about (i32.const 3) (local.get $thrown)))
    (call $told))

  ;; The failure that `ask` was told of, in three texts.
  (func $told (result i32) (local $part i32)
    (call $flush_all)
    (i32.store (i32.const {{FAILURE}}) (i32.const 1))
    (loop $next
      (call $put_part (local.get $part)
        (call $ask_nothing (i32.add (i32.const 4) (local.get $part))))
      (local.set $part (i32.add (local.get $part) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $part) (i32.const 3))))
    (i32.const {{FAILURE}}))

  (func $put_part (param $part i32) (param $answer i32) (local $place i32)
    (local.set $place (i32.add (i32.const {{FAILURE}})
      (i32.shl (local.get $part) (i32.const 3))))
    (i32.store offset=4 (local.get $place) (if (result i32) (local.get $answer)
      (then (call $text (local.get $answer)))
      (else (global.set $length (i32.const 0)) (i32.const {{BASE}}))))
    (i32.store offset=8 (local.get $place) (global.get $length))))
