/* Puts the counts of an error log into words.
 *
 * Input:  what the `logs` tool answers: {"lines", "unrecognised", "first", "last",
 *         "levels": [{"name", "count"}, …], "components": [{"name", "count"}, …]}
 * Output: {"text": "100 lines from … to …: 70 ERROR, 20 WARN. Most come from …"}
 */

const MAX_INPUT_BYTES: i32 = 1 << 20;

class Count {
  name: string = "";
  count: i64 = 0;
}

/** Reads the JSON this tool takes: objects, lists, strings and counts, each where expected. */
class Reader {
  private at: i32 = 0;

  constructor(private text: string) {}

  /** The next character that is not white space, or -1 at the end. */
  peek(): i32 {
    while (this.at < this.text.length) {
      const code = this.text.charCodeAt(this.at);
      if (code != 0x20 && code != 0x0a && code != 0x0d && code != 0x09) return code;
      this.at++;
    }
    return -1;
  }

  expect(mark: string): void {
    if (this.peek() != mark.charCodeAt(0)) throw new Error("expected " + mark);
    this.at++;
  }

  /** After an opening bracket, and after every value: whether another value follows. */
  another(isFirst: bool, close: string): bool {
    if (this.peek() == close.charCodeAt(0)) {
      this.at++;
      return false;
    }
    if (!isFirst) this.expect(",");
    return true;
  }

  key(): string {
    const key = this.string();
    this.expect(":");
    return key;
  }

  string(): string {
    this.expect('"');
    const read: string[] = [];
    while (this.at < this.text.length) {
      const mark = this.text.charAt(this.at++);
      if (mark == '"') return read.join("");
      read.push(mark == "\\" ? this.escaped() : mark);
    }
    throw new Error("a string does not end");
  }

  private escaped(): string {
    const letter = this.text.charAt(this.at++);
    if (letter == "u") {
      const digits = this.text.substring(this.at, this.at + 4);
      this.at += 4;
      for (let i = 0; i < 4; i++)
        if (!"0123456789abcdefABCDEF".includes(digits.charAt(i)) || digits.length != 4)
          throw new Error("a \\u lacks its four digits");
      return String.fromCharCode(<i32>parseInt(digits, 16));
    }
    const place = '"\\/bfnrt'.indexOf(letter);
    if (place < 0 || letter.length == 0) throw new Error("unknown escape");
    return '"\\/\b\f\n\r\t'.charAt(place);
  }

  count(): i64 {
    this.peek();
    const start = this.at;
    while (this.at < this.text.length && isDigit(this.text.charCodeAt(this.at))) this.at++;
    if (this.at == start || this.at - start > 16) throw new Error("expected a count");
    return I64.parseInt(this.text.substring(start, this.at));
  }

  counts(): Count[] {
    const all: Count[] = [];
    this.expect("[");
    for (let first = true; this.another(first, "]"); first = false) {
      const one = new Count();
      this.expect("{");
      for (let inner = true; this.another(inner, "}"); inner = false) {
        if (this.key() == "name") one.name = this.string();
        else one.count = this.count();
      }
      all.push(one);
    }
    return all;
  }
}

function isDigit(code: i32): bool {
  return code >= 0x30 && code <= 0x39;
}

function inWords(count: i64, one: string, many: string): string {
  return count.toString() + " " + (count == 1 ? one : many);
}

function sumFrom(counts: Count[], start: i32): i64 {
  let sum: i64 = 0;
  for (let i = start; i < counts.length; i++) sum += counts[i].count;
  return sum;
}

function sources(components: Count[]): string {
  if (components.length == 0) return "";
  let text = " Most come from " + components[0].name + " (" + components[0].count.toString() + ")";
  if (components.length > 1)
    text += ", then " + components[1].name + " (" + components[1].count.toString() + ")";
  if (components.length > 2)
    text +=
      "; " + inWords(components.length - 2, "other has ", "others have ") +
      sumFrom(components, 2).toString();
  return text + ".";
}

function quoted(text: string): string {
  const out: string[] = [];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code == 0x22 || code == 0x5c) out.push("\\" + text.charAt(i));
    else if (code < 0x20) out.push("\\u" + code.toString(16).padStart(4, "0"));
    else out.push(text.charAt(i));
  }
  return '"' + out.join("") + '"';
}

function input(): string {
  const bytes = new ArrayBuffer(MAX_INPUT_BYTES);
  let size = 0;
  let count = process.stdin.read(bytes, size);
  while (count > 0) {
    size += count;
    if (size == MAX_INPUT_BYTES) throw new Error("the input is too large");
    count = process.stdin.read(bytes, size);
  }
  return String.UTF8.decode(bytes.slice(0, size));
}

const reader = new Reader(input());
let lines: i64 = 0;
let unrecognised: i64 = 0;
let first = "";
let last = "";
let levels: Count[] = [];
let components: Count[] = [];

reader.expect("{");
for (let isFirst = true; reader.another(isFirst, "}"); isFirst = false) {
  const key = reader.key();
  if (key == "lines") lines = reader.count();
  else if (key == "unrecognised") unrecognised = reader.count();
  else if (key == "first") first = reader.string();
  else if (key == "last") last = reader.string();
  else if (key == "levels") levels = reader.counts();
  else if (key == "components") components = reader.counts();
  else throw new Error("unknown argument " + key);
}

let text = inWords(lines, "line", "lines");
if (first.length > 0) text += " from " + first + " to " + last;
for (let i = 0; i < levels.length; i++)
  text += (i == 0 ? ": " : ", ") + levels[i].count.toString() + " " + levels[i].name;
text += "." + sources(components);
if (unrecognised > 0)
  text += " " + inWords(unrecognised, "line was", "lines were") + " not recognised.";
process.stdout.write('{"text":' + quoted(text) + "}\n");
