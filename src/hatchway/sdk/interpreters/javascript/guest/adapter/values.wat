  ;; ---- JavaScript values ----

  ;; The text of a value; its length is in $length. Empty when it has none.
  (func $text (param $value i32) (result i32) (local $at i32)
    (i32.store (i32.const {{BASE}}) (i32.const 0))
    (local.set $at (call $get_string (local.get $value) (i32.const {{BASE}})))
    (if (i32.eqz (local.get $at)) (then
      (call $free (call $exception))
      (global.set $length (i32.const 0))
      (return (i32.const {{BASE}}))))
    (global.set $length (i32.load (i32.const {{BASE}})))
    (local.get $at))

  ;; What `ask` answers; 0 when it threw, and then the exception is gone.
  (func $ask (param $what i32) (param $one i32) (param $two i32) (param $three i32) (result i32)
    (local $number i32) (local $answer i32) (local $nothing i32)
    (local.set $number (call $new_number (f64.convert_i32_u (local.get $what))))
    (local.set $nothing (call $undefined))
    (i32.store (i32.const {{ARGUMENTS}}) (local.get $number))
    (i32.store offset=4 (i32.const {{ARGUMENTS}}) (local.get $one))
    (i32.store offset=8 (i32.const {{ARGUMENTS}}) (local.get $two))
    (i32.store offset=12 (i32.const {{ARGUMENTS}}) (local.get $three))
    (local.set $answer (call $call (i32.const {{ASK}}) (local.get $nothing)
      (select (i32.const 4) (select (i32.const 3) (select (i32.const 2) (i32.const 1)
        (local.get $one)) (local.get $two)) (local.get $three))
      (i32.const {{ARGUMENTS}})))
    (call $free (local.get $number))
    (call $free (local.get $nothing))
    (if (result i32) (call $is_exception (local.get $answer))
      (then (call $free (call $exception)) (i32.const 0))
      (else (local.get $answer))))

  (func $ask_nothing (param $what i32) (result i32)
    (call $ask (local.get $what) (i32.const 0) (i32.const 0) (i32.const 0)))
  (func $ask_about (param $what i32) (param $value i32) (result i32)
    (call $ask (local.get $what) (local.get $value) (i32.const 0) (i32.const 0)))
