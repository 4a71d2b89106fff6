/** The variables meetcast reads, from the process or from `.env`, with what each may be. */
import { database } from './database-url.ts';
import { address, type Parse, text, wholeNumber } from './values.ts';

export interface Setting<T> {
  parse: Parse<T>;
  /** For `--help`. */
  about: string;
  /** The value may hold a password: errors do not repeat it. */
  isSecret?: true;
}

export const settings = {
  REDIS_URL: {
    parse: address('redis', 'rediss'),
    about: 'Redis, through which hubs form one cluster',
    isSecret: true,
  },
  DATABASE_URL: {
    parse: database,
    about: 'where transcripts are stored: postgres://… or file: and a folder (default: file:meetcast-data)',
    isSecret: true,
  },
  SECRET_KEY: {
    parse: text,
    about: 'shared secret that signs tokens (HS256), 32 bytes or more',
    isSecret: true,
  },
  JWT_PUBLIC_KEY_PATH: {
    parse: text,
    about: 'PEM file of the public key that verifies tokens (RS256, ES256, EdDSA)',
  },
  JWT_AUDIENCE: { parse: text, about: 'the aud claim of tokens (default: meetcast)' },
  JWT_ISSUER: { parse: text, about: 'the iss claim of tokens (default: meetcast)' },
  DEEPGRAM_API_KEY: {
    parse: text,
    about: 'Deepgram API key; without it the built-in simulator transcribes',
    isSecret: true,
  },
  DEEPGRAM_MODEL: { parse: text, about: 'Deepgram model' },
  DEEPGRAM_LANGUAGE: { parse: text, about: 'language of senders that name none' },
  DEEPGRAM_ENDPOINT: {
    parse: address('ws', 'wss', 'http', 'https'),
    about: 'another Deepgram address, such as a simulator or a proxy',
  },
  MAX_WS_CLIENTS_PER_MEETING: { parse: wholeNumber(1), about: 'most viewers per meeting' },
  MAX_INGEST_MSG_BYTES: { parse: wholeNumber(2), about: 'largest audio frame, in bytes' },
  INGEST_SAMPLE_RATE: { parse: wholeNumber(8000, 192_000), about: 'sample rate of senders that name none' },
  INGEST_CHANNELS: { parse: wholeNumber(1, 8), about: 'channels of senders that name none' },
  UNHEARD_AUDIO_DIR: {
    parse: text,
    about: 'folder that keeps audio until it can be transcribed (default: kept only while the hub runs)',
  },
  CLIENT_ADDRESS_HEADER: {
    parse: text,
    about: 'behind a proxy: the header with the client’s address, such as x-forwarded-for',
  },
  MEETCAST_URL: {
    parse: address('http', 'https', 'ws', 'wss'),
    about: 'address of the hub, for the other commands',
  },
  MEETCAST_TOKEN: { parse: text, about: 'token for the other commands', isSecret: true },
} as const satisfies Record<string, Setting<unknown>>;

export type SettingName = keyof typeof settings;

/** The settings that are set. */
export type Settings = { [Name in SettingName]?: ReturnType<(typeof settings)[Name]['parse']> };
