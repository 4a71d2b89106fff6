/** Processes of a benchmark: what is measured runs in one of its own, and answers calls by name. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Starts a program. `call` rejects with what went wrong there. */
export function start(program, { execArgv = [] } = {}) {
  const name = basename(program.pathname);
  const child = fork(fileURLToPath(program), { execArgv, serialization: 'advanced' });
  const waiting = new Map();
  let calls = 0;
  child.on('message', ({ call, value, error }) => {
    const { resolve, reject } = waiting.get(call);
    waiting.delete(call);
    if (error === undefined) resolve(value);
    else reject(new Error(`${name}: ${error}`));
  });
  child.once('exit', (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`${name} ended with ${code ?? signal}`));
  });
  return {
    call(method, ...args) {
      calls += 1;
      return new Promise((resolve, reject) => {
        waiting.set(calls, { resolve, reject });
        child.send({ call: calls, method, args }, (error) => error && reject(error));
      });
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}

/** In the process that was started: what may be called there. It ends with the one that started it. */
export function answer(methods) {
  process.on('disconnect', () => process.exit());
  process.on('message', async ({ call, method, args }) => {
    try {
      process.send({ call, value: await methods[method](...args) });
    } catch (error) {
      process.send({ call, error: error.stack });
    }
  });
}

/** Microseconds on a clock that all processes of this machine share. */
export const now = () => Number(process.hrtime.bigint()) / 1e3;

/** What this process has used so far: CPU in microseconds, memory in bytes, garbage not counted if that can be. */
export function usage() {
  globalThis.gc?.();
  globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { cpuUs: user + system, userUs: user, rss, heapUsed, external };
}
