/** The settings of a hub: each is a flag of `serve`, a variable, or a line of `.env`, in this order. */
import { type Command, Option } from 'commander';
import { type Environment, readSettings } from '../env.ts';
import { type SettingName, type Settings, settings } from '../settings.ts';

/** In the order `--help` lists them. */
const flags = {
  SECRET_KEY: '--secret <text>',
  JWT_PUBLIC_KEY_PATH: '--jwt-public-key-path <file>',
  JWT_AUDIENCE: '--jwt-audience <text>',
  JWT_ISSUER: '--jwt-issuer <text>',
  DEEPGRAM_API_KEY: '--deepgram-api-key <text>',
  DEEPGRAM_MODEL: '--deepgram-model <name>',
  DEEPGRAM_LANGUAGE: '--deepgram-language <tag>',
  DEEPGRAM_ENDPOINT: '--deepgram-endpoint <address>',
  MAX_WS_CLIENTS_PER_MEETING: '--max-ws-clients-per-meeting <n>',
  MAX_INGEST_MSG_BYTES: '--max-ingest-msg-bytes <n>',
  INGEST_SAMPLE_RATE: '--ingest-sample-rate <hz>',
  INGEST_CHANNELS: '--ingest-channels <n>',
  REDIS_URL: '--redis-url <address>',
  DATABASE_URL: '--database-url <address>',
  UNHEARD_AUDIO_DIR: '--unheard-audio-dir <folder>',
  CLIENT_ADDRESS_HEADER: '--client-address-header <name>',
} as const satisfies Partial<Record<SettingName, string>>;

type ServeSetting = keyof typeof flags;
export type ServeSettings = Pick<Settings, ServeSetting>;

const names = Object.keys(flags) as ServeSetting[];

const optionOf = (name: ServeSetting): Option =>
  new Option(flags[name], `${settings[name].about} (${name})`).argParser<unknown>(settings[name].parse);

export function addServeSettings(command: Command): void {
  for (const name of names) command.addOption(optionOf(name));
}

/** `given`: what the command line was parsed to. */
export function serveSettings(
  given: Readonly<Record<string, unknown>>,
  environment: Environment,
): ServeSettings {
  const typed = names.flatMap((name) => {
    const value = given[optionOf(name).attributeName()];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...readSettings(environment, names), ...Object.fromEntries(typed) };
}
