/** What a host may set about a hub, and what follows from what it has not set. */

import type { IncomingMessage } from 'node:http';
import { checkOptions } from '@meetcast/protocol';
import { type Authenticator, endingGrants } from './auth/authenticator.ts';
import type { Bus } from './bus/bus.ts';
import type { Cluster } from './bus/cluster.ts';
import type { UnheardOptions } from './late-hearing/options.ts';
import type { Limits } from './lib/limits.ts';
import { firstAvailable } from './recognizer/first-available.ts';
import type { AudioFormat, Recognizer } from './recognizer/recognizer.ts';
import { type ResilientOptions, resilient } from './recovery/resilient.ts';
import { memoryRegistry } from './registry/memory.ts';
import type { Registry } from './registry/registry.ts';
import { memoryStore } from './store/memory.ts';
import type { Store } from './store/store.ts';
import type { Observe } from './watch/observer.ts';

export interface HubOptions {
  /** Who a token belongs to, for instance `jwtAuthenticator({ secret })`. */
  auth: Authenticator;
  /** What turns audio into words, for instance `deepgram({ apiKey })`; of several, the first that is well is used. */
  recognizer: Recognizer | readonly Recognizer[];
  /** What is done when a recognizer is lost: audio is kept and heard again. `false`: the sender has to do that. */
  recovery?: ResilientOptions | false;
  /** How much audio is kept that could not be heard, to be heard later. `false`: none. */
  unheard?: UnheardOptions | false;
  /** Where logs live. Default: memory, gone with the process. */
  store?: Store;
  /** Makes the hub one node of many, for instance `redis({ url })`. The hub closes it; hand it to no other. */
  cluster?: Cluster;
  /** How nodes hear of each other, if not by `cluster`. Default: this process alone. */
  bus?: Bus;
  /** Who is connected, if not by `cluster`. Default: this process alone. */
  registry?: Registry;
  limits?: Partial<Limits>;
  /** The audio of a sender whose handshake does not say. Default 48 000 Hz mono. */
  ingestDefaults?: Partial<AudioFormat>;
  /** What the hub's paths begin with. Default `/api/v1`. */
  basePath?: string;
  /** Whether `?token=` is accepted beside headers and sub-protocols. Default true. */
  queryToken?: boolean;
  /** Whose connection it is, for the limit per address. Default: the socket's; behind a proxy, read its header. */
  clientAddress?: (request: IncomingMessage) => string;
  /** Told what happens: to count, log or trace. */
  observe?: Observe;
}

const known = {
  auth: true,
  recognizer: true,
  recovery: true,
  unheard: true,
  store: true,
  cluster: true,
  bus: true,
  registry: true,
  limits: true,
  ingestDefaults: true,
  basePath: true,
  queryToken: true,
  clientAddress: true,
  observe: true,
} as const;

/** Throws TypeError for options that cannot be meant. */
export function checkHubOptions(options: HubOptions): void {
  checkOptions('createTranscriptHub', options, known);
  checkOptions('ingestDefaults', options?.ingestDefaults, { sampleRate: true, channels: true });
  if (typeof options?.auth !== 'function') {
    throw new TypeError('createTranscriptHub needs auth, for instance jwtAuthenticator({ secret })');
  }
  if (!isRecognizer(options.recognizer)) {
    throw new TypeError('createTranscriptHub needs a recognizer, for instance deepgram({ apiKey })');
  }
  if (options.basePath !== undefined && !/^(\/[A-Za-z0-9._~-]+)*$/.test(options.basePath)) {
    throw new TypeError(`basePath must be "" or like "/api/v1", got "${options.basePath}"`);
  }
  if (options.cluster && (options.bus || options.registry)) {
    throw new TypeError('createTranscriptHub takes a cluster, or a bus and a registry, not both');
  }
}

function isRecognizer(given: HubOptions['recognizer'] | undefined): boolean {
  if (given === undefined || given === null) return false;
  if ('open' in given) return typeof given.open === 'function';
  return Array.isArray(given) && given.length > 0 && given.every((each) => typeof each?.open === 'function');
}

/** What a hub stands on. */
export interface Adapters {
  readonly store: Store;
  /** None: there are no other nodes. */
  readonly bus: Bus | undefined;
  readonly registry: Registry;
  readonly recognizer: Recognizer;
  /** Closes those that are the hub's own. */
  close(): Promise<void>;
}

export function adaptersOf(options: HubOptions, observe: Observe): Adapters {
  const { cluster } = options;
  const { bus, registry = memoryRegistry() } = cluster ?? options;
  const { store = memoryStore() } = options;
  return {
    store,
    bus,
    registry,
    recognizer: recognizerOf(options, observe),
    async close() {
      // Whoever opens an adapter closes it. A cluster is the hub's that it was handed to.
      if (cluster) await cluster.close();
      else if (!options.registry) await registry.close();
      if (!options.store) await store.close();
    },
  };
}

/** Every recognizer is looked after, unless the host has done so itself. */
function recognizerOf({ recognizer, recovery }: HubOptions, observe: Observe): Recognizer {
  const refused = (error: Error) => observe({ type: 'error', stage: 'recovery', error });
  if (recovery !== false) return resilient(recognizer, recovery, refused);
  return 'open' in recognizer ? recognizer : firstAvailable(recognizer);
}

const defaultFormat: AudioFormat = { sampleRate: 48_000, channels: 1 };

/** The audio of a sender whose handshake does not say. */
export const formatOf = ({ ingestDefaults }: HubOptions): AudioFormat => ({
  ...defaultFormat,
  ...ingestDefaults,
});

/** Where the doors are, and who is let in. */
export const entranceOf = ({ auth, basePath, queryToken, clientAddress }: HubOptions) => ({
  authenticate: endingGrants(auth),
  basePath: basePath ?? '/api/v1',
  isQueryTokenAllowed: queryToken !== false,
  clientAddress: clientAddress ?? (({ socket }: IncomingMessage) => socket.remoteAddress ?? ''),
});
