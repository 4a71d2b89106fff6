/** A Redis of the benchmark's own, gone when it is stopped. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { freePort } from '../postgres.mjs';
import { fromServer } from './packages.mjs';

/** Undefined if none is installed. */
export async function startRedis() {
  const program = redisProgram();
  if (program === undefined) return undefined;
  const port = await freePort();
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const server = spawn(program, settings, { stdio: 'ignore' });
  const ended = once(server, 'exit');
  const { Redis } = fromServer('ioredis');
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 25, maxRetriesPerRequest: null });
  client.on('error', () => {}); // Until it listens.
  await client.ping();
  return {
    url: `redis://127.0.0.1:${port}`,
    client,
    async stop() {
      client.disconnect();
      server.kill('SIGTERM');
      await ended;
    },
  };
}

/** Undefined if none is installed. */
export const redisProgram = () => installed(['redis-server', 'valkey-server']);

function installed(names) {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin'];
  return directories.flatMap((directory) => names.map((name) => join(directory, name))).find(isProgram);
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
