// @ts-check
/** Two nodes, each a process of its own, behind a balancer. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createBalancer } from './balancer.js';

const first = Number(process.env.PORT ?? 3000);
const script = fileURLToPath(new URL('node.js', import.meta.url));

const nodes = [1, 2].map((number) => {
  const env = { ...process.env, PORT: String(first && first + number) };
  const child = fork(script, { env });
  child.once('exit', (code, signal) => console.log(`node ${number} has ended (${signal ?? code})`));
  return { number, child };
});

const ports = [];
for (const { number, child } of nodes) {
  const [{ port }] = await once(child, 'message');
  console.log(`node ${number}, process ${child.pid}, listens on http://127.0.0.1:${port}`);
  ports.push(port);
}

const balancer = createBalancer(ports);
await once(balancer.listen(first), 'listening');
const { port } = /** @type {import('node:net').AddressInfo} */ (balancer.address());
console.log(`listening on http://localhost:${port}`);

const stop = () => {
  for (const { child } of nodes) child.kill('SIGTERM');
  balancer.close();
};
process.once('SIGINT', stop).once('SIGTERM', stop);
