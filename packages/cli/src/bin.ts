#!/usr/bin/env node
/** The `meetcast` executable. */
import { main } from './main.ts';
import { createOutput } from './output.ts';

const args = process.argv.slice(2);

// `meetcast transcript … | head`: the reader has had enough, which is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

const output = createOutput({
  json: args.includes('--json'),
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
});

process.exitCode = await main(args, { output, cwd: process.cwd(), processEnv: process.env });
