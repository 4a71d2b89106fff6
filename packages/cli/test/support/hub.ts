/** A hub of the built `meetcast serve`, and the variables that let other commands in. */
import { mintToken } from '../../src/dev-token.ts';
import { type RunningCli, startCli, temporaryDirectory } from './run-cli.ts';

export const secret = 'a-secret-of-more-than-thirty-two-characters';

export const token = (): Promise<string> => mintToken(secret, {}, 60);

export interface ServedHub {
  url: string;
  /** For commands that talk to it. */
  env: Record<string, string>;
  cli: RunningCli;
}

/**
 * With the simulator beside it, unless told otherwise, and in a directory of its own, unless it is given one; gone
 * after the test.
 */
export async function serveHub(
  args: readonly string[] = [],
  env: Record<string, string> = {},
  cwd?: string,
): Promise<ServedHub> {
  const cli = startCli(['serve', '--port', '0', '--json', ...args], {
    cwd: cwd ?? (await temporaryDirectory()),
    env: { SECRET_KEY: secret, ...env },
  });
  const { url } = await cli.event<{ url: string }>('listening');
  return { url, env: { MEETCAST_URL: url, SECRET_KEY: secret }, cli };
}

/** An address where nobody listens. */
export const nowhere = 'http://127.0.0.1:2';
