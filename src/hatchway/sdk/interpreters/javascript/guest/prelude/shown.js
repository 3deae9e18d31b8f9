// Values as text, for people.

const MOST_SHOWN = 100, DEEPEST_SHOWN = 4;
const PLAIN = new Pattern('^[A-Za-z_$][A-Za-z0-9_$]*$');
const matches = method(RegExp, 'test');
const errorText = error => {
  const stack = guarded(() => error.stack, '');
  const head = guarded(() => Text(error), 'Error');
  const frames = typeof stack === 'string' ? ownFrames(stack) : '';
  return frames === '' ? head : head + '\n' + frames;
};
const shownList = (open, close, each, count) => {
  let text = '', shown = 0;
  each(item => {
    if (shown++ < MOST_SHOWN) text += (text === '' ? '' : ', ') + item();
  });
  if (count > MOST_SHOWN) text += `, … ${count - MOST_SHOWN} more`;
  return text === '' ? open + close : `${open} ${text} ${close}`;
};
const shownKey = key => typeof key === 'symbol' ? `[${Text(key)}]`
  : matches(PLAIN, key) ? key : stringify(key);
const shown = (value, depth) => {
  switch (typeof value) {
    case 'string': return depth === 0 ? value : stringify(value);
    case 'bigint': return bigText(value) + 'n';
    case 'function': return `[Function: ${Text(value.name) || '(anonymous)'}]`;
    case 'object': return value === null ? 'null' : shownObject(value, depth);
    default: return value === 0 && 1 / value < 0 ? '-0' : Text(value);
  }
};
const shownObject = (value, depth) => {
  if (is(value, Failure)) return errorText(value);
  if (is(value, Moment)) return guarded(() => isoOf(value), 'Invalid Date');
  if (is(value, Pattern)) return Text(value);
  if (depth >= DEEPEST_SHOWN) return isArray(value) ? '[Array]' : '[Object]';
  const inner = item => shown(item, depth + 1);
  if (isArray(value) || typedTag(value) !== undefined) {
    const count = value.length, name = isArray(value) ? '' : `${typedTag(value)}(${count}) `;
    return name + shownList('[', ']', add => {
      for (let at = 0; at < min(count, MOST_SHOWN); at++) add(() => inner(value[at]));
    }, count);
  }
  if (is(value, Dictionary)) {
    return `Map(${mapSize(value)}) ` + shownList('{', '}', add =>
      mapEach(value, (item, key) => add(() => `${inner(key)} => ${inner(item)}`)), mapSize(value));
  }
  if (is(value, Pile)) {
    return `Set(${setSize(value)}) ` + shownList('{', '}', add =>
      setEach(value, item => add(() => inner(item))), setSize(value));
  }
  const keys = ownEnumerable(value), count = keys.length;
  const maker = guarded(() => value.constructor.name, '');
  const name = maker === 'Object' || typeof maker !== 'string' || maker === '' ? '' : maker + ' ';
  return name + shownList('{', '}', add => {
    for (let at = 0; at < count; at++)
      add(() => `${shownKey(keys[at])}: ${inner(value[keys[at]])}`);
  }, count);
};
const enumerable = method(Object, 'propertyIsEnumerable');
const ownEnumerable = value => {
  const all = ownKeys(value), found = [];
  let count = 0;
  for (let at = 0; at < all.length; at++)
    if (enumerable(value, all[at]))
      append(found, count++, all[at]);
  return found;
};
const line = values => {
  let text = '';
  for (let at = 0; at < values.length; at++) {
    const value = values[at];
    text += (at === 0 ? '' : ' ')
      + guarded(() => shown(value, 0), guarded(() => tagOf(value), '[object]'));
  }
  return wellFormed(text + '\n');
};
