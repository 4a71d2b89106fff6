/** What figures depend on beside the code. */
import { execFileSync } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { binaries } from '../postgres.mjs';
import { fromServer, fromTests } from './packages.mjs';
import { redisProgram } from './redis.mjs';

export const machine = () => ({
  cores: cpus().length,
  processor: cpus()[0].model.trim(),
  memoryGb: Math.round(totalmem() / 2 ** 30),
  node: process.versions.node,
  redis: versionOf(redisProgram()),
  postgres: versionOf(binaries() && join(binaries(), 'postgres')),
  ws: fromServer('ws/package.json').version,
  socketIo: fromTests('socket.io/package.json').version,
  ioredis: fromServer('ioredis/package.json').version,
});

/** Undefined for what is not installed. */
function versionOf(program) {
  const text = program && execFileSync(program, ['--version'], { encoding: 'utf8' });
  return /\d+(\.\d+)+/.exec(text ?? '')?.[0];
}

/** How busy the machine was with everybody's work, over the last minute. */
export const load = () => Number(loadavg()[0].toFixed(2));
