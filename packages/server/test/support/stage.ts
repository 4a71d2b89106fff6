/** A hub on a fake clock: its sockets, its store and its registry are in memory, and its recognizer says what it is told. */
import type { Handshake, IngestDownstream, LoggedEvent, SubscriberDownstream } from '@meetcast/protocol';
import { expect, onTestFinished, vi } from 'vitest';
import type { Grant } from '../../src/auth/authenticator.ts';
import type { Bus } from '../../src/bus/bus.ts';
import { memoryBus } from '../../src/bus/memory.ts';
import { createTranscriptHub, type TranscriptHub } from '../../src/hub.ts';
import type { HubOptions } from '../../src/hub-options.ts';
import { AuthError } from '../../src/lib/errors.ts';
import { memoryRegistry } from '../../src/registry/memory.ts';
import type { Registry } from '../../src/registry/registry.ts';
import type { Store } from '../../src/store/store.ts';
import type { HubEvent } from '../../src/watch/observer.ts';
import { pass, settled, useFakeClock, useRealClock } from './fake-clock.ts';
import { ScriptedRecognizer } from './scripted-recognizer.ts';
import { type ClientEnd, socketPair, upgradeRequest } from './socket-pair.ts';
import { type UnsteadyStore, unsteadyStore } from './unsteady-store.ts';

export const meeting = { tenant: 'acme', id: 'm' };
const day = Date.UTC(2026, 2, 2, 9);

export type SenderEnd = ClientEnd<IngestDownstream>;
export type ViewerEnd = ClientEnd<SubscriberDownstream>;

/** Pings and looks at the head come so seldom that no test meets them which does not mean to. */
const seldom = { heartbeatMs: 1_000_000, headCheckMs: 1_000_000 };

export type StageOptions = Partial<Omit<HubOptions, 'store' | 'recognizer'>> & { store?: Store };

/** A token is a name, and perhaps for how many minutes, and with which rights: `ann/60/none`. */
function grantOf(token: string): Grant {
  const [name = '', minutes = '600', rights = 'all'] = token.split('/');
  if (name === 'nobody') throw new AuthError('the token is nobody’s');
  if (name === 'trouble') throw new Error('the keys cannot be read');
  const may = new Set(rights === 'none' ? [] : (['publish', 'subscribe'] as const));
  const expiresAt = day + Number(minutes) * 60_000;
  return { userId: name, tenant: meeting.tenant, email: `${name}@acme.test`, role: name, expiresAt, may };
}

export class Stage {
  readonly hub: TranscriptHub;
  readonly recognizer = new ScriptedRecognizer();
  readonly store: UnsteadyStore;
  readonly registry: Registry;
  readonly bus: Bus;
  readonly observed: HubEvent[] = [];
  /** The failures that are to be seen, in the words of `errors`. */
  expectedErrors: string[] = [];
  #subscriptions = 0;
  /** Everybody who has come. */
  readonly clients: ClientEnd<IngestDownstream | SubscriberDownstream>[] = [];

  constructor({ store, limits, registry = memoryRegistry(), bus = memoryBus(), ...more }: StageOptions = {}) {
    useFakeClock(day);
    this.store = unsteadyStore(store);
    this.registry = registry;
    this.bus = {
      ...bus,
      subscribe: async (...args) => {
        const stop = await bus.subscribe(...args);
        this.#subscriptions += 1;
        return async () => {
          this.#subscriptions -= 1;
          await stop();
        };
      },
    };
    this.hub = createTranscriptHub({
      auth: async (token) => grantOf(token),
      recognizer: this.recognizer,
      recovery: false,
      unheard: false,
      clientAddress: () => '127.0.0.1',
      observe: (event) => void this.observed.push(event),
      store: this.store,
      registry,
      bus: this.bus,
      limits: { ...seldom, ...limits },
      ingestDefaults: { sampleRate: 16_000 },
      ...more,
    });
  }

  /** A sender's socket, before its handshake; `query` without the question mark. */
  sender(query = '', token = 'ann'): Promise<SenderEnd> {
    return this.#connect(`/api/v1/ws/ingest/meetings/m?${query}`, token);
  }

  viewer(query = '', token = 'ann'): Promise<ViewerEnd> {
    return this.#connect(`/api/v1/ws/meetings/m?${query}`, token);
  }

  /** A sender that was let in. */
  async accepted(handshake: Partial<Handshake> = {}, token = 'ann'): Promise<SenderEnd> {
    const sender = await this.sender('', token);
    sender.send(handshakeOf(handshake));
    await settled();
    expect(sender.of('handshake_ack')).toMatchObject([{ status: 'success' }]);
    return sender;
  }

  async #connect<Message extends IngestDownstream | SubscriberDownstream>(
    url: string,
    token: string,
  ): Promise<ClientEnd<Message>> {
    const { stream, client } = socketPair<Message>();
    this.clients.push(client as ClientEnd<IngestDownstream | SubscriberDownstream>);
    expect(this.hub.handleUpgrade(upgradeRequest(url, token, stream), stream, Buffer.alloc(0))).toBe(true);
    await settled();
    return client;
  }

  /** What the log says. */
  async entries(): Promise<readonly LoggedEvent[]> {
    return (await this.store.inner.read(meeting, 0, 1_000)).events;
  }

  /** The log in short: statuses, words and gaps. */
  async said(): Promise<string[]> {
    return (await this.entries()).map((entry) => {
      if (entry.type === 'status') return entry.status;
      if (entry.type === 'gap') return `gap ${entry.start_ms}–${entry.end_ms} ${entry.cause}`;
      return entry.type === 'transcript.final' ? `“${entry.text}”` : entry.type;
    });
  }

  /** Who sends, and who is waited for. */
  async claims() {
    const { ingests, vacant } = await this.registry.counts(meeting);
    return { sent: ingests.filter((source) => !vacant.includes(source)), vacant };
  }

  /** The ways of each ingest through its states, and of each viewer. */
  steps(kind: 'ingest' | 'subscriber'): string[] {
    return this.observed.flatMap((event) => {
      if (event.type !== kind) return [];
      return [event.type === 'ingest' ? event.step : event.state];
    });
  }

  /** Failures of the world that were seen. */
  errors(): string[] {
    return this.observed.flatMap((event) =>
      event.type === 'error'
        ? [`${event.stage}: ${event.error instanceof Error ? event.error.message : event.error}`]
        : [],
    );
  }

  /**
   * Everybody leaves and the hub closes. Then nothing is left: no claim, no seat, no session, no listener, no timer; and
   * every failure that was seen was expected.
   */
  async end(): Promise<void> {
    this.store.condition = 'well';
    for (const client of this.clients) client.vanish();
    const closing = this.hub.close();
    await pass(60_000);
    await closing;
    expect(await this.registry.totals()).toEqual({ meetings: 0, subscribers: 0, ingests: 0 });
    expect(this.#subscriptions).toBe(0);
    const openings = this.steps('ingest').filter((step) => step === 'connected').length;
    expect(this.steps('ingest').filter((step) => step === 'cleanup_complete')).toHaveLength(openings);
    const timers = vi.getTimerCount();
    useRealClock();
    expect(timers).toBe(0);
    expect(this.errors()).toEqual(this.expectedErrors);
  }
}

/** Of the test that runs. */
export let stage: Stage;

/** Sets the stage of a test; with the test it ends. */
export function set(options: StageOptions = {}): Stage {
  const own = new Stage(options);
  onTestFinished(() => own.end());
  stage = own;
  return own;
}

export const handshakeOf = (changes: Partial<Handshake> = {}): Handshake => ({
  type: 'handshake',
  source: 'mic',
  ...changes,
});

/** What is to happen when the test says so. */
export function gate() {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, passed };
}

/** Silence of 16 kHz, 16 bits, one channel. */
export const audio = (ms: number): Uint8Array => new Uint8Array(ms * 32);

/** A registry that claims in its own way. */
export function registryWith(
  claim: (inner: Registry, ...args: Parameters<Registry['claim']>) => ReturnType<Registry['claim']>,
) {
  const inner = memoryRegistry();
  const registry: Registry = { ...inner, claim: (...args) => claim(inner, ...args) };
  return registry;
}

/** The sender is told why in an answer to its handshake, and in the close. */
export function expectRefused(sender: SenderEnd, code: number, word: string): void {
  expect(sender.closed).toEqual({ code, reason: word });
  const [answer, ...others] = sender.of('handshake_ack');
  expect(others).toEqual([]);
  expect(answer).toMatchObject({ status: 'error' });
  expect(sender.of('error')).toMatchObject([{ code: word, message: answer?.message }]);
  expect(sender.isGone).toBe(true);
}

/** Whoever has to go is told why, once. */
export function expectClosed(client: SenderEnd | ViewerEnd, code: number, word: string): void {
  expect(client.closed).toEqual({ code, reason: word });
  const errors = client.messages.filter(({ type }) => type === 'error');
  expect(errors).toMatchObject([{ code: word }]);
  expect(client.isGone).toBe(true);
}

export const free = { sent: [], vacant: [] };
export const micSent = { sent: ['mic'], vacant: [] };
