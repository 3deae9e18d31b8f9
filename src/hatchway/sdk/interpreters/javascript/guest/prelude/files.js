// Files: those of the workspace, by relative names, and of granted directories.

const FAULTS = [
  'access', 'would-block', 'already', 'bad-descriptor', 'busy', 'deadlock', 'quota', 'exist',
  'file-too-large', 'illegal-byte-sequence', 'in-progress', 'interrupted', 'invalid', 'io',
  'is-directory', 'loop', 'too-many-links', 'message-size', 'name-too-long', 'no-device',
  'no-entry', 'no-lock', 'insufficient-memory', 'insufficient-space', 'not-directory',
  'not-empty', 'not-recoverable', 'unsupported', 'no-tty', 'no-such-device', 'overflow',
  'not-permitted', 'pipe', 'read-only', 'invalid-seek', 'text-file-busy', 'cross-device',
];
class FileError extends Failure {
  constructor(code, path) {
    super(`${code}: ${stringify(path)}`);
    hidden(this, 'code', code);
    hidden(this, 'path', path);
  }
}
hidden(FileError.prototype, 'name', 'FileError');
hidden(world, 'FileError', FileError);
const checked = (answer, path) => {
  if (typeof answer === 'number' && answer < 0) throw new FileError(FAULTS[-1 - answer], path);
  return answer;
};
// The directory that holds `path`, and the path from there.
const placed = path => {
  const whole = path[0] === '/' ? path : '/work/' + path;
  let best = -1, length = -1, directory;
  for (let at = 0; (directory = directoryPath(at)) !== undefined; at++) {
    const start = directory === '/' ? '/' : directory + '/';
    if (start.length > length && indexOf(whole + '/', start) === 0) {
      best = at;
      length = start.length;
    }
  }
  if (best < 0) throw new FileError('no-entry', path);
  return { __proto__: null, best, rest: slice(whole, length) || '.' };
};
const opened = (path, mode, action) => {
  const { best, rest } = placed(path);
  const file = checked(openFile(best, wellFormed(rest), mode), path);
  try { return action(file); } finally { closeFile(file); }
};
const contentOf = path => opened(path, 0, file => {
  let content = new Bytes(0), size = 0;
  for (;;) {
    const piece = checked(readFile(file, size), path), count = typedLength(piece);
    if (count === 0) return new Bytes(content.buffer, 0, size);
    if (size + count > typedLength(content)) {
      const larger = new Bytes(max(2 * typedLength(content), size + count));
      bytesSet(larger, content);
      content = larger;
    }
    bytesSet(content, piece, size);
    size += count;
  }
});
const files = {};
hidden(files, 'read', named('read', path => textOf(copied(contentOf(Text(path))))));
hidden(files, 'readBytes', named('readBytes', path =>
  new Bytes(copied(contentOf(Text(path))))));
hidden(files, 'write', named('write', (path, content) => {
  const name = Text(path), bytes = bytesFor('files.write', content);
  opened(name, 1, file => {
    for (let at = 0; at < typedLength(bytes);) {
      const count = min(65536, typedLength(bytes) - at);
      const piece = copied(new Bytes(bytes.buffer, bytes.byteOffset + at, count));
      at += checked(writeFile(file, piece, at), name);
    }
  });
}));
hidden(files, 'list', named('list', (path = '.') => opened(Text(path), 2, directory => {
  const text = checked(listDirectory(directory), path), names = [];
  for (let start = 0, count = 0; start < text.length; count++) {
    const end = indexOf(text, '/', start);
    append(names, count, slice(text, start, end));
    start = end + 1;
  }
  return names;
})));
hidden(files, 'remove', named('remove', path => {
  const { best, rest } = placed(Text(path));
  checked(removeFile(best, wellFormed(rest)), path);
}));
hidden(world, 'files', files);
