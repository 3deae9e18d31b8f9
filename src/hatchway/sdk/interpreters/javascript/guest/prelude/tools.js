// The other tools, as far as the call was granted them.

class ToolError extends Failure {
  constructor(code, message) {
    super(message);
    hidden(this, 'code', code);
  }
}
hidden(ToolError.prototype, 'name', 'ToolError');
hidden(world, 'ToolError', ToolError);
const answered = text => {
  if (text === undefined) throw new ToolError(lastCode(), lastMessage());
  return parse(text);
};
const invoke = (name, values) => {
  const text = values === undefined ? '{}' : stringify(values);
  if (typeof text !== 'string' || text[0] !== '{')
    throw new Kind(`the arguments of ${name} must be one object, {name: value}`);
  return answered(callTool(wellFormed(name), wellFormed(text)));
};
const own = {
  __proto__: null,
  search: named('search', (query, most = 10) =>
    parse(searchTools(wellFormed(Text(query)), Numeric(most)))),
  describe: named('describe', name => answered(describeTool(wellFormed(Text(name))))),
  call: named('call', (name, values) => invoke(Text(name), values)),
};
const toolNamed = name => new Proxy(named(name, values => invoke(name, values)), {
  __proto__: null,
  get: (target, key) => typeof key === 'symbol' || key === 'then' ? undefined
    : named(key, values => invoke(`${name}.${key}`, values)),
});
hidden(world, 'tools', new Proxy(own, {
  __proto__: null,
  get: (target, key) => typeof key === 'symbol' || key === 'then' ? undefined
    : own[key] ?? toolNamed(key),
}));
