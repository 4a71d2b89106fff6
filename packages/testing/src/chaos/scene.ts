/** One meeting under a fault: those who go on talking, a viewer who watches, and a network that can be hurt. */

import {
  type ConnectionChange,
  type Publisher,
  type PublishOptions,
  publish,
  type Subscription,
  subscribe,
} from '@meetcast/client';
import { closeCodes, type Gap, type Source, type TranscriptFinal } from '@meetcast/protocol';
import { type FaultProxy, openFaultProxy } from '../network/fault-proxy.ts';
import { countWords, wordsOfFinals } from './compare-words.ts';
import { Happenings } from './happenings.ts';
import { type Format, formatOf, type Shape, seedOf } from './script.ts';
import { collectFinals } from './seen.ts';
import { plainSockets, socketsAs, socketsThrough, targetOf } from './sockets.ts';
import { connected, connectTimeoutOf, type TestedHub } from './tested-hub.ts';
import { Voice } from './voice.ts';

export interface SceneOptions {
  hub: TestedHub;
  meeting: string;
  seed: string;
  shape: Shape;
  speed: number;
  tokens: { sender: TestedHub['token']; viewer: TestedHub['token'] };
  signal: AbortSignal;
}

/** Short: chaos is there to see how things recover, not to wait for it. */
const patience = { backoff: { minMs: 200, maxMs: 3_000 }, heartbeatMs: 2_000 } as const;

export class Scene {
  readonly proxy: FaultProxy;
  readonly viewer: Subscription;
  /** One for each source. */
  readonly voices: readonly Voice[];
  /** As the viewer got them. */
  readonly finals: readonly TranscriptFinal[];
  /** Entries of the log that say that there are no words. */
  readonly gaps: Gap[] = [];
  /** Sentences for the report. */
  readonly notes: string[] = [];
  /** What did not go as the protocol says. */
  readonly problems: string[] = [];
  readonly #options: SceneOptions;
  readonly #happenings: Happenings;
  /** The viewer's links that were closed because their token had run out. */
  #expired = 0;
  #healedAt: number | undefined;

  private constructor(options: SceneOptions, proxy: FaultProxy) {
    this.#options = options;
    this.#happenings = new Happenings(options.signal);
    this.proxy = proxy;
    const openSocket = socketsThrough(proxy.port);
    const { tokens, shape } = options;
    this.viewer = subscribe({ ...this.#link, openSocket, token: tokens.viewer });
    this.finals = collectFinals(this.viewer);
    this.voices = shape.sources.map((source) => this.#voice(source, { token: tokens.sender, openSocket }));
    this.#watchViewer();
  }

  /** Resolves when senders and viewer are connected; rejects with a ChaosError if they cannot be. */
  static async open(options: SceneOptions): Promise<Scene> {
    const proxy = await openFaultProxy(targetOf(options.hub.url));
    const scene = new Scene(options, proxy);
    try {
      const links = [scene.viewer, ...scene.voices.map(({ sender }) => sender)];
      await Promise.all(links.map((link) => connected(link, options.hub)));
      return scene;
    } catch (error) {
      await scene.close();
      throw error;
    }
  }

  /** Times real time. */
  get speed(): number {
    return this.#options.speed;
  }

  /** Of each source. */
  get format(): Format {
    return formatOf(this.#options.shape);
  }

  get meeting(): string {
    return this.#options.meeting;
  }

  get wordsSaid(): number {
    return this.voices.reduce((sum, { speaker }) => sum + speaker.words.length, 0);
  }

  get wordsSeen(): number {
    return countWords(wordsOfFinals(this.finals));
  }

  /** How much audio everybody has said so far. */
  get positionMs(): number {
    return Math.min(...this.voices.map(({ speaker }) => speaker.positionMs));
  }

  /** Now the fault begins to be felt. */
  hurt(): void {
    for (const voice of this.voices) voice.hurt();
  }

  /** Now it is over: from here on it is counted how long words take to come back. Without it, that is the strike's end. */
  heal(): void {
    this.#healedAt ??= performance.now();
  }

  /** When the viewer first had words of what every source said since the fault began, by `performance.now()`. */
  get backAt(): number | undefined {
    const all = this.voices.map(({ backAt }) => backAt ?? Number.POSITIVE_INFINITY);
    const last = Math.max(...all);
    return Number.isFinite(last) ? last : undefined;
  }

  /** How long that took; null: they have not come. */
  get recoveredMs(): number | null {
    const { backAt } = this;
    return backAt === undefined || this.#healedAt === undefined ? null : Math.max(0, backAt - this.#healedAt);
  }

  /** How many links were closed because their token had run out. */
  get expired(): number {
    return this.voices.reduce((sum, { expired }) => sum + expired, this.#expired);
  }

  /** Whether it was so in time; looked at whenever something has happened. */
  until(isSo: () => boolean, withinMs: number): Promise<boolean> {
    return this.#happenings.until(isSo, withinMs);
  }

  /** Whether a promise was kept in time; rejects if it does. */
  kept(promise: Promise<unknown>, withinMs: number): Promise<boolean> {
    return this.#happenings.kept(promise, withinMs);
  }

  wait(ms: number): Promise<void> {
    return this.#happenings.wait(ms);
  }

  expect(isSo: boolean, problem: string): void {
    if (!isSo) this.problems.push(problem);
  }

  /** Somebody else who sends the same source, straight to the hub; `sessionId`: who says it is that session. */
  rival({ source }: Voice, sessionId?: string): Publisher {
    const openSocket = sessionId === undefined ? plainSockets : socketsAs(plainSockets, sessionId);
    return this.#publish(source, { token: this.#options.hub.token, openSocket });
  }

  async close(): Promise<void> {
    for (const voice of this.voices) voice.close();
    this.viewer.close();
    await this.proxy.close();
  }

  get #link() {
    const { hub, meeting } = this.#options;
    return { url: hub.url, meeting, ...patience, connectTimeoutMs: connectTimeoutOf(hub) };
  }

  #voice(source: Source, how: Pick<PublishOptions, 'token' | 'openSocket'>): Voice {
    const { seed, speed, signal } = this.#options;
    const { happened } = this.#happenings;
    const speaks = { seed: seedOf(seed, source), format: this.format, speed, signal, happened };
    return new Voice(source, this.#publish(source, how), speaks);
  }

  #publish(source: Source, how: Pick<PublishOptions, 'token' | 'openSocket'>): Publisher {
    const { happened } = this.#happenings;
    const sender = publish({ ...this.#link, ...this.format, ...how, source });
    sender.on('connection', happened);
    void sender.closed.then(happened);
    return sender;
  }

  #watchViewer(): void {
    this.viewer.on('reset', () => {
      this.gaps.length = 0;
    });
    this.viewer.on('event', (event) => {
      if (event.type === 'gap') this.gaps.push(event);
      if (event.type === 'transcript.final') this.#voiceOf(event.meta?.source)?.arrived(event);
      if (event.type === 'status') this.#voiceOf(event.details?.source)?.announced(event);
      this.#happenings.happened();
    });
    this.viewer.on('connection', (change) => this.#changed(change));
    void this.viewer.closed.then(this.#happenings.happened);
  }

  #voiceOf(source: unknown): Voice | undefined {
    return this.voices.find((voice) => voice.source === source);
  }

  #changed({ code }: ConnectionChange): void {
    if (code === closeCodes.token_expired.code) this.#expired += 1;
    this.#happenings.happened();
  }
}
