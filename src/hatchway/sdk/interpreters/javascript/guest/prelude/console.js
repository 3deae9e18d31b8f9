// The console.

const out = named('log', (...values) => { toStdout(line(values)); });
const err = named('error', (...values) => { toStderr(line(values)); });
const console = {};
for (const name of ['log', 'info', 'debug', 'table', 'dir', 'group']) hidden(console, name, out);
for (const name of ['error', 'warn', 'trace']) hidden(console, name, err);
hidden(console, 'groupEnd', () => {});
hidden(console, 'assert', (fact, ...values) => {
  if (!fact) apply(err, undefined, ['Assertion failed:', ...values]);
});
hidden(world, 'console', console);
