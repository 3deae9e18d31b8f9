;; A whole command that asks http://localhost:8000/ and writes what it answers, without any
;; library: for those who make compilers. In C, `hatchway_fetch.h` is shorter.
;;
;; Every function takes numbers of 32 bits and gives an error number of WASI preview 1, 0 for
;; well. Results are put where the last argument points.
(module
  (import "hatchway_fetch_0_1" "open" (func $open (param i32 i32 i32) (result i32)))
  (import "hatchway_fetch_0_1" "send" (func $send (param i32 i32) (result i32)))
  (import "hatchway_fetch_0_1" "read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))

  (memory (export "memory") 2)
  (data (i32.const 256) "{\"url\": \"http://localhost:8000/\"}")

  ;; 0: the number of the request. 4: its status. 8: where the bytes of the body are, and
  ;; 12: how many, which is also the vector for `fd_write`. 16: what `fd_write` took.
  (func $check (param $error i32)
    (if (local.get $error) (then (call $exit (local.get $error)))))

  (func (export "_start")
    (call $check (call $open (i32.const 256) (i32.const 33) (i32.const 0)))
    (call $check (call $send (i32.load (i32.const 0)) (i32.const 4)))
    (i32.store (i32.const 8) (i32.const 1024))
    (loop $more
      (call $check (call $read
        (i32.load (i32.const 0)) (i32.const 1024) (i32.const 65536) (i32.const 12)))
      (if (i32.load (i32.const 12)) (then
        (call $check (call $write
          (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))
        (br $more))))))
