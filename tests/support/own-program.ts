/** What a program uses beside adapters of its own: every door of the packages, compiled against what is published. */
import type * as client from '@meetcast/client';
import { publish } from '@meetcast/client';
import { type FileSpoolOptions, fileSpool } from '@meetcast/client/file-spool';
import { indexedDbSpool } from '@meetcast/client/indexeddb-spool';
import type * as server from '@meetcast/server';
import {
  type Authenticator,
  createTranscriptHub,
  jwtAuthenticator,
  memoryBus,
  memoryRegistry,
  memoryStore,
  type Recognizer,
  type Registry,
  resilient,
  type Store,
} from '@meetcast/server';
import { type DeepgramOptions, deepgram } from '@meetcast/server/deepgram';
import { type PostgresOptions, postgresStore } from '@meetcast/server/postgres';
import {
  type RedisClient,
  type RedisConnectOptions,
  type RedisRegistryOptions,
  redis,
  redisBus,
  redisRegistry,
} from '@meetcast/server/redis';
import { type SqliteOptions, sqliteStore } from '@meetcast/server/sqlite';
import type * as testing from '@meetcast/testing';
import { openFaultProxy, speak, startDeepgramSimulator } from '@meetcast/testing';
import type * as engine from '@meetcast/testing/chaos';
import { ChaosError, type ChaosOptions, type ChaosRun, chaos } from '@meetcast/testing/chaos';
import type * as suites from '@meetcast/testing/contracts';
import {
  type BusNodes,
  busContract,
  type OpenStore,
  type RecognizerBench,
  type RegistryNodes,
  recognizerContract,
  registryContract,
  type StoreContractOptions,
  storeContract,
} from '@meetcast/testing/contracts';

// Stores, and what many nodes share.

export const recognizer = (options: DeepgramOptions): Recognizer => deepgram(options);
export const sqlite = (options: SqliteOptions): Store => sqliteStore(options);
export const postgres = (options: PostgresOptions): Store => postgresStore(options);
export const registry = (options: RedisRegistryOptions): Registry => redisRegistry(options);

const hubOptions = {
  auth: jwtAuthenticator({ secret: 'x' }) satisfies Authenticator,
  recognizer: deepgram({ apiKey: 'x' }),
};

export const ofOneNode = () => createTranscriptHub({ ...hubOptions, store: memoryStore({ keepRaw: true }) });
export const ofTwoObjects = (bus = memoryBus(), who = memoryRegistry()) =>
  createTranscriptHub({ ...hubOptions, bus, registry: who });
export const ofOneCluster = (client: RedisClient) =>
  createTranscriptHub({ ...hubOptions, cluster: redis({ client, leaseMs: 10_000 }) });
export const ofTwoInRedis = (options: RedisConnectOptions) =>
  createTranscriptHub({ ...hubOptions, bus: redisBus(options), registry: redisRegistry(options) });

// Senders that keep their audio.

const microphone = {
  url: 'http://hub',
  meeting: 'm',
  token: 't',
  source: 'mic',
  sampleRate: 16_000,
} as const;

export const fromDisk = async (options: FileSpoolOptions): Promise<client.Publisher> =>
  publish({ ...microphone, spool: await fileSpool(options) });
export const fromBrowser = async (): Promise<client.Publisher> =>
  publish({ ...microphone, spool: await indexedDbSpool('m', { label: 'today' }) });

// What they are tested with.

export const contracts = (
  stores: OpenStore,
  buses: () => BusNodes,
  registries: () => RegistryNodes,
  bench: () => Promise<RecognizerBench>,
  options: StoreContractOptions,
): void => {
  storeContract('stores', stores, options);
  busContract('buses', buses);
  registryContract('registries', registries);
  recognizerContract('recognizers', bench);
};

export async function isSound(options: ChaosOptions): Promise<boolean> {
  const run: ChaosRun = await chaos(options);
  if (run.stopped) throw new ChaosError('no_words', run.stopped.message);
  return [...run.results.values()].every(({ status }: engine.Result) => status === 'passed');
}

export const spoken = [speak, openFaultProxy, startDeepgramSimulator];

// Names that options had: who still writes them is told by the compiler.

export const formerNames = () => [
  // @ts-expect-error folder
  sqliteStore({ directory: 'x' }),
  // @ts-expect-error folder
  fileSpool({ directory: 'x' }),
  // @ts-expect-error clockToleranceMs
  jwtAuthenticator({ secret: 'x', clockToleranceSeconds: 1 }),
  // @ts-expect-error backoff
  resilient(hubOptions.recognizer, { retryMinMs: 1 }),
  // @ts-expect-error backoff
  createTranscriptHub({ ...hubOptions, recovery: { retryMaxMs: 1 } }),
  // @ts-expect-error backoff
  createTranscriptHub({ ...hubOptions, unheard: { retryMinMs: 1 } }),
  // @ts-expect-error keepRaw
  memoryStore({ keepraw: true }),
];

// Whatever else is exported: one that is gone is missed here.

export type OfClient = [
  client.AiTip,
  client.AudioLevel,
  client.Backoff,
  client.CloseInfo,
  client.CloseWord,
  client.ConnectOptions,
  client.ConnectionChange,
  client.ConnectionStatus,
  client.ErrorMessage,
  client.Finalized,
  client.Gap,
  client.Left,
  client.LoggedEvent,
  client.Meta,
  client.OpenSocket,
  client.Position,
  client.PublishOptions,
  client.Publisher,
  client.PublisherEvents,
  client.Retract,
  client.SessionNote,
  client.SocketLike,
  client.Source,
  client.Spool,
  client.SpoolOptions,
  client.SpoolProblem,
  client.Status,
  client.SubscribeOptions,
  client.Subscription,
  client.SubscriptionEvents,
  client.Summary,
  client.Transcript,
  client.TranscriptPartial,
  typeof client.PublishError,
  typeof client.SpoolError,
  typeof client.applyEvent,
  typeof client.emptyTranscript,
];

export type OfServer = [
  server.AiTip,
  server.CloseWord,
  server.ErrorStage,
  server.FirstAvailableOptions,
  server.Gap,
  server.HostMeeting,
  server.HostSegment,
  server.HubOptions,
  server.IngestStep,
  server.JwtOptions,
  server.Limits,
  server.Meta,
  server.Position,
  server.RecognizedSpan,
  server.RecognizedWord,
  server.RecognizerState,
  server.ResilientOptions,
  server.Retract,
  server.Status,
  server.Summary,
  server.TranscriptFinal,
  server.Unheard,
  server.UnheardAudio,
  server.UnheardOptions,
  server.UnheardState,
  server.UtteranceEnd,
  typeof server.EntryRefusedError,
  typeof server.StaleEpochError,
  typeof server.StaleFenceError,
  typeof server.defaultLimits,
  typeof server.firstAvailable,
  typeof server.queryTermsOf,
  typeof server.termsOf,
];

export type OfTesting = [
  testing.DeepgramSimulator,
  testing.DeepgramSimulatorOptions,
  testing.Fault,
  testing.FaultProxy,
  testing.HeardWord,
  testing.Pace,
  testing.PcmFormat,
  testing.ProxyTarget,
  testing.RefusedHandshake,
  testing.SpeakOptions,
  testing.SpokenWord,
  testing.StreamFault,
  testing.StreamRecord,
  testing.TimeError<testing.TimedText>,
  testing.TimeErrorOptions,
  testing.TimedText,
  testing.ToneWord,
  typeof testing.ToneDecoder,
  typeof testing.Transcriber,
  typeof testing.freePort,
  typeof testing.interleave,
  typeof testing.mulberry32,
  typeof testing.paced,
  typeof testing.randomWords,
  typeof testing.realPace,
  typeof testing.resetSocket,
  typeof testing.speakStream,
  typeof testing.spokenWords,
  typeof testing.timeErrors,
  typeof testing.timeToleranceMs,
  typeof testing.toneTiming,
  typeof testing.vocabulary,
  typeof testing.wordTimes,
  typeof testing.wordsOf,
];

export type OfEngine = [
  engine.Act,
  engine.Broken,
  engine.ChangeHub,
  engine.ChaosProblem,
  engine.Comparison,
  engine.Heard,
  engine.HubParts,
  engine.ListeningHub,
  engine.LocalHub,
  engine.OpenHub,
  engine.OwnHubs,
  engine.Place,
  engine.Played,
  engine.Progress,
  engine.Result,
  engine.Said,
  engine.Scenario,
  engine.Skipped,
  engine.SourceWords,
  engine.TestedHub,
  typeof engine.Stopped,
  typeof engine.collectFinals,
  typeof engine.compareWords,
  typeof engine.countWords,
  typeof engine.inTime,
  typeof engine.judge,
  typeof engine.localHub,
  typeof engine.noWords,
  typeof engine.placesOf,
  typeof engine.reached,
  typeof engine.scenarios,
  typeof engine.wordsOfFinals,
];

export type OfSuites = [suites.HasText];
