/** Which hub a command talks to and as whom: the options all such commands share. */
import { type Command, Option } from 'commander';
import type { Context } from './context.ts';
import { type TokenSource, tokenSource } from './dev-token.ts';
import { readEnvironment, readSettings } from './env.ts';
import { address, duration, port } from './values.ts';

export interface HubFlags {
  url?: string;
  host?: string;
  port?: number;
  token?: string;
  secret?: string;
  connectTimeout: number;
}

export interface Hub {
  url: string;
  token: TokenSource;
  connectTimeoutMs: number;
}

export const defaultPort = 8080;
const defaultHost = '127.0.0.1';
const schemes = ['http', 'https', 'ws', 'wss'] as const;

export function addHubOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--url <address>',
        `address of the hub (default: MEETCAST_URL, or http://${defaultHost}:${defaultPort})`,
      )
        .argParser(address(...schemes))
        .conflicts(['host', 'port']),
    )
    .option('--host <name>', 'host of the hub, instead of --url')
    .addOption(new Option('--port <n>', 'port of the hub, instead of --url').argParser(port))
    .option('--token <jwt>', 'token to connect with (default: MEETCAST_TOKEN)')
    .option('--secret <text>', 'create a development token with the hub’s secret (default: SECRET_KEY)')
    .addOption(
      new Option('--connect-timeout <duration>', 'how long to try to connect')
        .argParser(duration)
        .default(10, '10s'),
    );
}

export async function resolveHub(flags: HubFlags, context: Context): Promise<Hub> {
  const env = readSettings(readEnvironment(context.cwd, context.processEnv), ['MEETCAST_URL'] as const);
  const isNamed = flags.host !== undefined || flags.port !== undefined;
  const url = flags.url ?? (isNamed ? undefined : env.MEETCAST_URL);
  return {
    url: url ?? httpAddress(flags.host ?? defaultHost, flags.port ?? defaultPort),
    token: await tokenSource(flags, context),
    connectTimeoutMs: flags.connectTimeout * 1000,
  };
}

export const httpAddress = (host: string, port: number): string =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
