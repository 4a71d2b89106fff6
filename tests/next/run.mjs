/** Starts Next custom servers with a hub on them, and checks that both answer. Needs the built packages. */
import assert from 'node:assert/strict';
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { subscribe } from '../../packages/client/dist/index.js';

const cwd = import.meta.dirname;
const env = { ...process.env, CI: '1', NEXT_TELEMETRY_DISABLED: '1' };
delete env.NODE_ENV; // Next sets its own.

/** A run that hangs has failed. */
const deadline = setTimeout(() => {
  console.error('FAILED: not done after three minutes');
  process.exit(1);
}, 180_000);

let failures = 0;
for (const mode of ['production', 'dev']) {
  if (mode === 'production') build();
  for (const order of ['before', 'after']) {
    const name = `Next ${mode}, hub attached ${order}`;
    try {
      await check(mode, order);
      console.log(`ok      ${name}`);
    } catch (error) {
      failures += 1;
      console.error(`FAILED  ${name}\n`, error);
    }
  }
}
clearTimeout(deadline);
process.exitCode = failures === 0 ? 0 : 1;

function build() {
  execFileSync(process.execPath, ['node_modules/next/dist/bin/next', 'build'], {
    cwd,
    env,
    stdio: 'inherit',
  });
}

async function check(mode, order) {
  const child = fork('server.mjs', [mode, order], { cwd, env });
  try {
    const port = await answer(child);
    await hasPage(port);
    await hasHub(child, port);
    if (mode === 'dev') await hasHotReload(port);

    await ask(child, 'closeHub');
    await hasPage(port);
    assert.equal(await statusOf(port, '/api/v1/health'), 404, 'a closed hub leaves its paths to Next');
    if (mode === 'dev') await hasHotReload(port);
  } finally {
    child.kill('SIGKILL');
  }
}

async function hasPage(port) {
  const page = await fetch(`http://127.0.0.1:${port}/`);
  assert.equal(page.status, 200);
  assert.match(await page.text(), /hello from Next/);
  assert.equal(await statusOf(port, '/unknown'), 404);
}

async function hasHub(child, port) {
  assert.equal(await statusOf(port, '/api/v1/health'), 200);
  const viewer = subscribe({
    url: `http://127.0.0.1:${port}`,
    meeting: 'm',
    token: 'anybody',
    maxAttempts: 1,
  });
  try {
    const seen = new Promise((resolve, reject) => {
      viewer.on('status', resolve);
      void viewer.closed.then(({ reason }) => reject(new Error(`the viewer's socket ended: ${reason}`)));
    });
    const seq = await ask(child, 'say');
    assert.equal((await seen).seq, seq);
  } finally {
    viewer.close();
  }
}

/** Next's own WebSocket. */
async function hasHotReload(port) {
  const headers = {
    connection: 'upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  const request = get({ host: '127.0.0.1', port, path: '/_next/hmr', headers });
  request.on('response', ({ statusCode }) => request.destroy(new Error(`hot reload answered ${statusCode}`)));
  const [response, socket] = await once(request, 'upgrade');
  assert.equal(response.statusCode, 101);
  socket.destroy();
}

async function statusOf(port, path) {
  return (await fetch(`http://127.0.0.1:${port}${path}`)).status;
}

function ask(child, task) {
  child.send(task);
  return answer(child);
}

/** The next word of a child, or its end as an error. */
function answer(child) {
  return new Promise((resolve, reject) => {
    const ended = (code) => reject(new Error(`the server ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (word) => {
      child.off('exit', ended);
      resolve(word);
    });
  });
}
