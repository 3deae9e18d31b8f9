;; A component whose functions show WIT's types: what each becomes in JSON can be seen by
;; calling it. In WIT:
;;
;;   enum letters { upper, lower }
;;   flags sides { start, end }
;;   variant part { first(u32), last(u32), everything }
;;   record size { bytes: u64, words: u32, lines: u32 }
;;
;;   change: func(text: string, to: letters) -> string
;;   trim:   func(text: string, at: sides) -> string
;;   cut:    func(text: string, keep: part) -> string
;;   measure: func(text: string) -> size
;;   split:  func(text: string) -> list<string>
;;   find:   func(text: string, wanted: string) -> option<u64>
;;   repeat: func(text: string, times: u64) -> result<string, string>
;;
;; Every call gets a fresh instance, so memory is taken and never given back. A string
;; parameter is an address and a length; so is a string result, stored where `$result` points.
(component
  (core module $code
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 1024))
    (data (i32.const 64) "the result would be longer than 1 MiB")

    ;; Memory: from $free upwards; nothing is ever moved or freed.
    (func $take (param $size i32) (result i32)
      (local $at i32)
      (local.set $at
        (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.set $free (i32.add (local.get $at) (local.get $size)))
      (if (i32.lt_u (global.get $free) (local.get $at)) (then (unreachable)))
      (block $fits
        (loop $grow
          (br_if $fits
            (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
          (br_if $grow (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))
          (unreachable)))
      (local.get $at))
    (func (export "realloc")
      (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
      (call $take (local.get $size)))

    ;; A string or list as result.
    (func $pair (param $at i32) (param $size i32) (result i32)
      (local $result i32)
      (local.set $result (call $take (i32.const 8)))
      (i32.store (local.get $result) (local.get $at))
      (i32.store offset=4 (local.get $result) (local.get $size))
      (local.get $result))

    (func $is_between (param $byte i32) (param $low i32) (param $high i32) (result i32)
      (i32.le_u
        (i32.sub (local.get $byte) (local.get $low))
        (i32.sub (local.get $high) (local.get $low))))
    ;; Space, tab, line feed, carriage return.
    (func $is_space (param $byte i32) (result i32)
      (i32.or
        (i32.eq (local.get $byte) (i32.const 0x20))
        (i32.and
          (call $is_between (local.get $byte) (i32.const 9) (i32.const 13))
          (i32.and
            (i32.ne (local.get $byte) (i32.const 11))
            (i32.ne (local.get $byte) (i32.const 12))))))
    ;; The first byte of a character: a cut in front of it leaves whole characters.
    (func $is_lead (param $at i32) (result i32)
      (i32.ne (i32.and (i32.load8_u (local.get $at)) (i32.const 0xc0)) (i32.const 0x80)))

    ;; enum: 0 is upper, 1 is lower. In place: the text was copied in for this call alone.
    (func (export "change") (param $text i32) (param $size i32) (param $to i32) (result i32)
      (local $at i32) (local $from i32)
      (local.set $from (select (i32.const 0x41) (i32.const 0x61) (local.get $to)))
      (block $done
        (loop $next
          (br_if $done (i32.eq (local.get $at) (local.get $size)))
          (if (call $is_between
                (i32.load8_u (i32.add (local.get $text) (local.get $at)))
                (local.get $from) (i32.add (local.get $from) (i32.const 25)))
            (then
              (i32.store8 (i32.add (local.get $text) (local.get $at))
                (i32.xor
                  (i32.load8_u (i32.add (local.get $text) (local.get $at)))
                  (i32.const 0x20)))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next)))
      (call $pair (local.get $text) (local.get $size)))

    ;; flags: bit 0 is start, bit 1 is end.
    (func (export "trim") (param $text i32) (param $size i32) (param $at i32) (result i32)
      (block $done
        (loop $next
          (br_if $done (i32.eqz (local.get $size)))
          (br_if $done (i32.eqz (i32.and (local.get $at) (i32.const 1))))
          (br_if $done (i32.eqz (call $is_space (i32.load8_u (local.get $text)))))
          (local.set $text (i32.add (local.get $text) (i32.const 1)))
          (local.set $size (i32.sub (local.get $size) (i32.const 1)))
          (br $next)))
      (block $done
        (loop $next
          (br_if $done (i32.eqz (local.get $size)))
          (br_if $done (i32.eqz (i32.and (local.get $at) (i32.const 2))))
          (br_if $done
            (i32.eqz
              (call $is_space
                (i32.load8_u
                  (i32.sub (i32.add (local.get $text) (local.get $size)) (i32.const 1))))))
          (local.set $size (i32.sub (local.get $size) (i32.const 1)))
          (br $next)))
      (call $pair (local.get $text) (local.get $size)))

    ;; variant: which case, then its payload; 0 is first(n), 1 is last(n), 2 everything.
    (func (export "cut")
      (param $text i32) (param $size i32) (param $case i32) (param $count i32) (result i32)
      (local $at i32)
      (if (i32.eq (local.get $case) (i32.const 2))
        (then (return (call $pair (local.get $text) (local.get $size)))))
      (if (i32.eq (local.get $case) (i32.const 1))
        (then
          (local.set $at
            (call $characters_from_end (local.get $text) (local.get $size) (local.get $count)))
          (return
            (call $pair
              (i32.add (local.get $text) (local.get $at))
              (i32.sub (local.get $size) (local.get $at))))))
      (call $pair (local.get $text)
        (call $characters_from_start (local.get $text) (local.get $size) (local.get $count))))
    (func $characters_from_start (param $text i32) (param $size i32) (param $count i32)
      (result i32)
      (local $at i32)
      (loop $next
        (if (i32.eq (local.get $at) (local.get $size)) (then (return (local.get $at))))
        (if (call $is_lead (i32.add (local.get $text) (local.get $at)))
          (then
            (if (i32.eqz (local.get $count)) (then (return (local.get $at))))
            (local.set $count (i32.sub (local.get $count) (i32.const 1)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next))
      (unreachable))
    (func $characters_from_end (param $text i32) (param $size i32) (param $count i32)
      (result i32)
      (local $at i32)
      (local.set $at (local.get $size))
      (block $done
        (loop $next
          (br_if $done (i32.eqz (local.get $at)))
          (br_if $done (i32.eqz (local.get $count)))
          (local.set $at (i32.sub (local.get $at) (i32.const 1)))
          (local.set $count
            (i32.sub (local.get $count)
              (call $is_lead (i32.add (local.get $text) (local.get $at)))))
          (br $next)))
      (local.get $at))

    ;; record: bytes at 0, words at 8, lines at 12. A last line needs no line feed.
    (func (export "measure") (param $text i32) (param $size i32) (result i32)
      (local $result i32) (local $end i32) (local $byte i32) (local $before i32)
      (local.set $result (call $take (i32.const 16)))
      (i64.store (local.get $result) (i64.extend_i32_u (local.get $size)))
      (local.set $end (i32.add (local.get $text) (local.get $size)))
      (local.set $before (i32.const 10))
      (block $done
        (loop $next
          (br_if $done (i32.eq (local.get $text) (local.get $end)))
          (local.set $byte (i32.load8_u (local.get $text)))
          (i32.store offset=8 (local.get $result)
            (i32.add
              (i32.load offset=8 (local.get $result))
              (i32.and
                (call $is_space (local.get $before))
                (i32.eqz (call $is_space (local.get $byte))))))
          (i32.store offset=12 (local.get $result)
            (i32.add
              (i32.load offset=12 (local.get $result))
              (i32.eq (local.get $before) (i32.const 10))))
          (local.set $before (local.get $byte))
          (local.set $text (i32.add (local.get $text) (i32.const 1)))
          (br $next)))
      (local.get $result))

    ;; list: the addresses and lengths of its elements, one after the other. What `measure`
    ;; counts as lines: none after the last line feed.
    (func (export "split") (param $text i32) (param $size i32) (result i32)
      (local $end i32) (local $list i32) (local $count i32) (local $start i32)
      (local.set $end (i32.add (local.get $text) (local.get $size)))
      (local.set $list (call $take (i32.const 0)))
      (local.set $start (local.get $text))
      (block $done
        (loop $next
          (br_if $done (i32.gt_u (local.get $text) (local.get $end)))
          (if (call $ends_line (local.get $text) (local.get $start) (local.get $end))
            (then
              ;; Eight more bytes: the list grows without gaps because nothing else is taken.
              (drop (call $pair (local.get $start)
                (i32.sub (local.get $text) (local.get $start))))
              (local.set $count (i32.add (local.get $count) (i32.const 1)))
              (local.set $start (i32.add (local.get $text) (i32.const 1)))))
          (local.set $text (i32.add (local.get $text) (i32.const 1)))
          (br $next)))
      (call $pair (local.get $list) (local.get $count)))
    (func $ends_line (param $at i32) (param $start i32) (param $end i32) (result i32)
      (if (i32.eq (local.get $at) (local.get $end))
        (then (return (i32.ne (local.get $start) (local.get $end)))))
      (i32.eq (i32.load8_u (local.get $at)) (i32.const 10)))

    ;; option: 0 for none, 1 for some; the u64 behind it at 8. Counted in bytes.
    (func (export "find")
      (param $text i32) (param $size i32) (param $wanted i32) (param $length i32) (result i32)
      (local $result i32) (local $at i32)
      (local.set $result (call $take (i32.const 16)))
      (block $none
        (br_if $none (i32.lt_u (local.get $size) (local.get $length)))
        (loop $next
          (if (call $are_equal
                (i32.add (local.get $text) (local.get $at)) (local.get $wanted)
                (local.get $length))
            (then
              (i32.store (local.get $result) (i32.const 1))
              (i64.store offset=8 (local.get $result) (i64.extend_i32_u (local.get $at)))
              (return (local.get $result))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br_if $next
            (i32.le_u (local.get $at) (i32.sub (local.get $size) (local.get $length))))))
      (local.get $result))
    (func $are_equal (param $left i32) (param $right i32) (param $size i32) (result i32)
      (loop $next
        (if (i32.eqz (local.get $size)) (then (return (i32.const 1))))
        (local.set $size (i32.sub (local.get $size) (i32.const 1)))
        (br_if $next
          (i32.eq
            (i32.load8_u (i32.add (local.get $left) (local.get $size)))
            (i32.load8_u (i32.add (local.get $right) (local.get $size))))))
      (i32.const 0))

    ;; result: 0 for ok, 1 for err; either way a string behind it.
    (func (export "repeat") (param $text i32) (param $size i32) (param $times i64) (result i32)
      (local $result i32) (local $at i32)
      (local.set $result (call $take (i32.const 12)))
      (if (i32.eqz (local.get $size)) (then (local.set $times (i64.const 0))))
      (if (i64.gt_u (local.get $times)
            (i64.div_u (i64.const 0x100000)
              (i64.extend_i32_u
                (select (local.get $size) (i32.const 1) (local.get $size)))))
        (then
          (i32.store (local.get $result) (i32.const 1))
          (i32.store offset=4 (local.get $result) (i32.const 64))
          (i32.store offset=8 (local.get $result) (i32.const 37))
          (return (local.get $result))))
      (i32.store offset=8 (local.get $result)
        (i32.mul (local.get $size) (i32.wrap_i64 (local.get $times))))
      (local.set $at (call $take (i32.load offset=8 (local.get $result))))
      (i32.store offset=4 (local.get $result) (local.get $at))
      (block $done
        (loop $next
          (br_if $done (i64.eqz (local.get $times)))
          (memory.copy (local.get $at) (local.get $text) (local.get $size))
          (local.set $at (i32.add (local.get $at) (local.get $size)))
          (local.set $times (i64.sub (local.get $times) (i64.const 1)))
          (br $next)))
      (local.get $result)))

  (core instance $code (instantiate $code))
  (alias core export $code "memory" (core memory $memory))
  (alias core export $code "realloc" (core func $realloc))

  ;; The types, named by being exported, and the functions with their typed faces.
  (type $letters' (enum "upper" "lower"))
  (export $letters "letters" (type $letters'))
  (type $sides' (flags "start" "end"))
  (export $sides "sides" (type $sides'))
  (type $part' (variant (case "first" u32) (case "last" u32) (case "everything")))
  (export $part "part" (type $part'))
  (type $size' (record (field "bytes" u64) (field "words" u32) (field "lines" u32)))
  (export $size "size" (type $size'))

  (func $change (param "text" string) (param "to" $letters) (result string)
    (canon lift (core func $code "change") (memory $memory) (realloc $realloc)))
  (func $trim (param "text" string) (param "at" $sides) (result string)
    (canon lift (core func $code "trim") (memory $memory) (realloc $realloc)))
  (func $cut (param "text" string) (param "keep" $part) (result string)
    (canon lift (core func $code "cut") (memory $memory) (realloc $realloc)))
  (func $measure (param "text" string) (result $size)
    (canon lift (core func $code "measure") (memory $memory) (realloc $realloc)))
  (func $split (param "text" string) (result (list string))
    (canon lift (core func $code "split") (memory $memory) (realloc $realloc)))
  (func $find (param "text" string) (param "wanted" string) (result (option u64))
    (canon lift (core func $code "find") (memory $memory) (realloc $realloc)))
  (func $repeat (param "text" string) (param "times" u64) (result (result string (error string)))
    (canon lift (core func $code "repeat") (memory $memory) (realloc $realloc)))

  (export "change" (func $change))
  (export "trim" (func $trim))
  (export "cut" (func $cut))
  (export "measure" (func $measure))
  (export "split" (func $split))
  (export "find" (func $find))
  (export "repeat" (func $repeat)))
