// Failures, with those places that are the program's own.

const MOST_TEXT = 4000, MOST_TRACE = 8000;
const cut = (text, most) =>
  wellFormed(text.length <= most ? text : slice(text, 0, most) + ' …');
// The frames of the program itself: those that name its file.
const ownFrames = stack => {
  let frames = '', at = 0;
  while (at < stack.length && frames.length < MOST_TRACE) {
    const found = indexOf(stack, '\n', at), end = found < 0 ? stack.length : found;
    const frame = slice(stack, at, end);
    if (indexOf(frame, '(code.js:') >= 0 || indexOf(frame, 'at code.js:') >= 0)
      frames += (frames === '' ? '' : '\n') + frame;
    at = end + 1;
  }
  return frames;
};
const NO_MODULES =
  'modules cannot be imported here; there are only the language itself, `files` and `tools`';
const IMPORT = new Pattern('^\\s*(import|export)\\b');
let source = '';
const lineOf = number => {
  let start = 0;
  for (let at = 1; at < number; at++) {
    start = indexOf(source, '\n', start) + 1;
    if (start === 0) return '';
  }
  const end = indexOf(source, '\n', start);
  return slice(source, start, end < 0 ? source.length : end);
};
// The first line that the frames name, as it stands in the program.
const quoted = frames => {
  const at = indexOf(frames, 'code.js:');
  const number = at < 0 ? NaN : parseInt_(slice(frames, at + 8), 10);
  const text = number > 0 ? lineOf(number) : '';
  return text === '' ? '' : `\n${number} | ${cut(text, 200)}`;
};
const advice = (kind, message, line) => {
  if (kind === 'ReferenceError' && message === 'require is not defined')
    return '; ' + NO_MODULES;
  if (kind === 'SyntaxError' && matches(IMPORT, slice(line, indexOf(line, '|') + 1)))
    return '; ' + NO_MODULES;
  return '';
};
const told = ['', '', ''];
const tell = (kind, message, trace) => {
  told[0] = cut(kind, 200);
  told[1] = cut(message, MOST_TEXT);
  told[2] = cut(trace, MOST_TRACE);
};
const kindOf = thrown => {
  const name = guarded(() => thrown.name);
  if (typeof name === 'string' && name !== 'Error' && name !== '') return name;
  const maker = guarded(() => thrown.constructor.name);
  return typeof maker === 'string' && maker !== '' ? maker : 'Error';
};
const fail = thrown => {
  tell('Error', 'the program threw something that cannot be shown', '');
  if (!isObject(thrown) || !guarded(() => is(thrown, Failure), false)) {
    const text = guarded(() => shown(thrown, 1), 'something that cannot be shown');
    tell('Error', `Uncaught ${typeof text === 'string' ? text : ''}`, '');
    return;
  }
  const part = (name, otherwise) => {
    const found = guarded(() => thrown[name], otherwise);
    return typeof found === 'string' ? found : otherwise;
  };
  const kind = kindOf(thrown), frames = guarded(() => ownFrames(part('stack', '')), '');
  const line = guarded(() => quoted(frames), ''), message = part('message', '');
  const words = message + guarded(() => advice(kind, message, line), '');
  const cause = guarded(() =>
    thrown.cause === undefined ? '' : '\ncaused by ' + shown(thrown.cause, 1), '');
  tell(kind, words, (words === '' ? kind : `${kind}: ${words}`)
    + (frames === '' ? '' : '\n') + frames + line + cause);
};
