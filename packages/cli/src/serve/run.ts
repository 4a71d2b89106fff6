/** Runs a hub by its settings, until it is told to stop. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createTranscriptHub, type HubEvent, type TranscriptHub } from '@meetcast/server';
import type { Context } from '../context.ts';
import { mintToken } from '../dev-token.ts';
import { readEnvironment } from '../env.ts';
import { httpAddress } from '../hub-options.ts';
import { listenOn } from '../listening.ts';
import type { Output } from '../output.ts';
import { serveNote } from '../sentences.ts';
import { stopSignal } from '../signals.ts';
import { joinCluster } from './cluster.ts';
import { jsonLine, levelOf, plainLine } from './hub-log.ts';
import { authenticatorOf, type TokenKey, tokenKey, weakness } from './keys.ts';
import { openRecognizer, recognizerPlan, type ServedRecognizer } from './recognizer.ts';
import { type ServeSettings, serveSettings } from './settings.ts';
import { directoryOf, openStorage, type StorageFlags, storagePlan } from './storage.ts';

export interface ServeFlags extends StorageFlags {
  port: number;
  host: string;
  quiet: boolean;
}

/** `given`: what the command line was parsed to. */
export async function serve(
  flags: ServeFlags,
  given: Readonly<Record<string, unknown>>,
  context: Context,
): Promise<void> {
  const { output, cwd, processEnv } = context;
  const settings = serveSettings(given, readEnvironment(cwd, processEnv));
  const plans = { recognizer: recognizerPlan(settings), storage: storagePlan(flags, settings) };
  const key = await tokenKey(settings, directoryOf(plans.storage, flags));
  const auth = authenticatorOf(key, settings);
  const storage = await openStorage(plans.storage, output.say);
  const joined = await joinCluster(settings.REDIS_URL, plans.storage, output);
  try {
    const recognizer = await openRecognizer(plans.recognizer, settings);
    const hub = createTranscriptHub({
      auth,
      recognizer: recognizer.recognizer,
      store: storage.store,
      ...(joined && { cluster: joined.cluster }),
      ...hubSettings(settings),
      observe: logTo(output, flags.quiet),
    });
    await listen({ hub, server: createServer(), recognizer }, flags, output, async (url) => {
      warn(output, settings, key);
      output.say(storage.note);
      if (joined) output.say(joined.note);
      output.say(recognizer.note);
      await sayHowToEnter(output, url, key, settings);
    });
  } finally {
    // For a hub that could not be made. One that was made has closed it, after its last words.
    await joined?.cluster.close();
    await storage.close();
  }
}

interface Served {
  hub: TranscriptHub;
  server: Server;
  recognizer: ServedRecognizer;
}

/** Until a signal; then, or when it cannot listen, everything is closed. */
async function listen(
  served: Served,
  { host, port }: ServeFlags,
  output: Output,
  introduce: (url: string) => Promise<void>,
): Promise<void> {
  const stopped = stopSignal();
  served.hub.attach(served.server);
  try {
    const url = reachable(host, await listenOn(served.server, host, port));
    output.emit({ event: 'listening', url }, serveNote.listening(url));
    await introduce(url);
    output.say(serveNote.stopping(await stopped));
  } finally {
    await close(served);
  }
}

function hubSettings(settings: ServeSettings) {
  const viewers = settings.MAX_WS_CLIENTS_PER_MEETING;
  const frameBytes = settings.MAX_INGEST_MSG_BYTES;
  const { INGEST_SAMPLE_RATE: sampleRate, INGEST_CHANNELS: channels } = settings;
  const folder = settings.UNHEARD_AUDIO_DIR;
  const header = settings.CLIENT_ADDRESS_HEADER?.toLowerCase();
  return {
    ...(header === undefined ? {} : { clientAddress: addressIn(header) }),
    ...(folder === undefined ? {} : { unheard: { folder } }),
    limits: {
      ...(viewers === undefined ? {} : { subscribersPerMeeting: viewers }),
      ...(frameBytes === undefined ? {} : { ingestFrameBytes: frameBytes }),
    },
    ingestDefaults: {
      ...(sampleRate === undefined ? {} : { sampleRate }),
      ...(channels === undefined ? {} : { channels }),
    },
  };
}

/** The last address of a list is the one that the nearest proxy has seen; those before it are hearsay. */
const addressIn =
  (header: string) =>
  ({ headers, socket }: IncomingMessage): string =>
    String(headers[header] ?? socket.remoteAddress ?? '')
      .split(',')
      .at(-1)
      ?.trim() ?? '';

/** People read short lines; everything else reads JSON. */
function logTo(output: Output, isQuiet: boolean): (event: HubEvent) => void {
  if (isQuiet) return () => {};
  if (output.json || !output.isLive) return (event) => output.say(jsonLine(event, new Date()));
  const paints = { info: output.notePaint.dim, error: output.notePaint.red };
  return (event) => output.say(paints[levelOf(event)](plainLine(event, new Date())));
}

/** Where a client on this machine finds a server that listens on every address. */
function reachable(host: string, port: number): string {
  if (host === '0.0.0.0') return httpAddress('127.0.0.1', port);
  return httpAddress(host === '::' ? '::1' : host, port);
}

function warn({ say, notePaint }: Output, settings: ServeSettings, key: TokenKey): void {
  const weak = weakness(key);
  if (weak) say(notePaint.yellow(weak));
  if (settings.REDIS_URL !== undefined && key.name === 'made' && key.keptAt === undefined)
    say(notePaint.yellow(serveNote.secretPerNode));
}

async function sayHowToEnter(
  { say, notePaint }: Output,
  url: string,
  key: TokenKey,
  settings: ServeSettings,
): Promise<void> {
  if (key.name !== 'made') return;
  const terms = { audience: settings.JWT_AUDIENCE, issuer: settings.JWT_ISSUER };
  const token = await mintToken(key.secret, terms, 24 * 3600);
  const kept = key.keptAt === undefined ? serveNote.secretForThisRun : serveNote.secretKeptIn(key.keptAt);
  say(serveNote.secretMade(kept));
  say(serveNote.forOtherCommands);
  say(notePaint.cyan(`export MEETCAST_URL=${url} MEETCAST_TOKEN=${token}`));
}

async function close({ hub, server, recognizer }: Served): Promise<void> {
  server.close();
  await hub.close();
  server.closeAllConnections();
  await recognizer.close();
}
