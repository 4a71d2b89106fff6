/** This node's way to Redis: commands, subscriptions, and whether it is there. */
import { randomBytes } from 'node:crypto';
import { backoffMs } from '@meetcast/protocol';
import { Pause } from '../lib/pause.ts';
import type { Remote, RemoteState } from '../lib/remote.ts';
import { withTimeout } from '../lib/with-timeout.ts';
import { RedisAwayError } from './failure.ts';
import { type RedisClient, type RedisConnectOptions, templateOf } from './options.ts';
import { Session } from './session.ts';
import { type ChannelListener, Subscriptions } from './subscriptions.ts';

export { RedisAwayError } from './failure.ts';
export type { RedisClient } from './options.ts';

/**
 * One per adapter. While Redis is away every command is refused at once, so that nobody waits for a timeout twice;
 * until the first answer, commands wait for it a little.
 */
export interface RedisLink extends Remote {
  /** Names this process among the nodes; new with every start. */
  readonly node: string;
  readonly isPresent: boolean;
  /** Rejects with RedisAwayError when Redis is away, or did not answer in time and so is away from here on. */
  run<T>(command: (client: RedisClient) => Promise<T>): Promise<T>;
  /** Sends to everyone who listens to a channel, or, while Redis is away, to nobody. Never rejects. */
  publish(channel: string, message: string | Buffer): void;
  /** Resolves once messages arrive, or at once while Redis is away: then they do from `back` on. */
  subscribe(channels: readonly string[], listener: ChannelListener): Promise<() => Promise<void>>;
  /** Ends its own connections. Idempotent. */
  close(): Promise<void>;
}

/**
 * ```text
 *  starting ──▶ present ⇄ away ──▶ closed
 *      └────────────────────┘
 * ```
 */
type State =
  | { readonly name: 'starting' }
  | { readonly name: 'present'; readonly session: Session }
  | { readonly name: 'away'; readonly error: Error }
  | { readonly name: 'closed' };

/** How long commands wait for the first answer of all. Milliseconds. */
const firstAnswerMs = 1_500;
/** After so long a presence the next break is a new one, and not the last one going on. Milliseconds. */
const healthyMs = 10_000;

export const openRedisLink = (options: RedisConnectOptions): RedisLink => new Link(templateOf(options));

class Link implements RedisLink {
  readonly node = randomBytes(9).toString('base64url');
  readonly #template: RedisClient;
  readonly #subscriptions = new Subscriptions();
  readonly #watchers = new Set<(state: RemoteState, error?: Error) => void>();
  readonly #started: Promise<void>;
  /** Between two tries. */
  readonly #pause = new Pause();
  #markStarted!: () => void;
  #state: State;
  #session: Session | undefined;

  constructor(template: RedisClient) {
    this.#template = template;
    this.#started = new Promise((resolve) => {
      this.#markStarted = resolve;
    });
    this.#state = { name: 'starting' };
    void withTimeout(this.#started, firstAnswerMs, () =>
      this.#enter({ name: 'away', error: new Error('Redis has not answered yet') }),
    );
    void this.#stayConnected();
  }

  get isPresent(): boolean {
    return this.#state.name === 'present';
  }

  async run<T>(command: (client: RedisClient) => Promise<T>): Promise<T> {
    if (this.#state.name === 'starting') await this.#started;
    if (this.#state.name !== 'present') throw this.#awayError();
    return this.#state.session.run(command);
  }

  publish(channel: string, message: string | Buffer): void {
    if (this.#state.name === 'present') this.#state.session.publish(channel, message);
    if (this.#state.name === 'starting') void this.#started.then(() => this.publish(channel, message));
  }

  async subscribe(channels: readonly string[], listener: ChannelListener): Promise<() => Promise<void>> {
    if (this.#state.name === 'closed') return async () => {};
    // A listener of its own for every subscription, so that the same function may subscribe twice.
    const own: ChannelListener = (message) => listener(message);
    this.#subscriptions.add(channels, own);
    // Naming a channel again is harmless, and answers when it is subscribed for sure.
    const subscribed = this.#session?.subscribe(channels).catch(() => {});
    if (this.#state.name !== 'away') await subscribed;
    if (this.#state.name === 'starting') await this.#started;
    return async () => {
      const idle = this.#subscriptions.remove(channels, own);
      await this.#session?.unsubscribe(idle).catch(() => {});
    };
  }

  async ping(): Promise<void> {
    if (this.#state.name === 'starting') await this.#started;
    if (this.#state.name !== 'present') throw this.#awayError();
    await this.#state.session.beat();
  }

  watch(onChange: (state: RemoteState, error?: Error) => void): void {
    this.#watchers.add(onChange);
    if (this.#state.name === 'away') onChange('away', this.#state.error);
  }

  async close(): Promise<void> {
    if (this.#state.name === 'closed') return;
    this.#enter({ name: 'closed' });
    this.#watchers.clear();
    this.#subscriptions.clear();
    this.#session?.end(new Error('closed'));
    this.#pause.end();
  }

  async #stayConnected(): Promise<void> {
    for (let failures = 0; this.#isWanted(); failures += 1) {
      const session = new Session(this.#template, this.node, (channel, message) =>
        this.#subscriptions.deliver(channel, message),
      );
      this.#session = session;
      let since = Number.POSITIVE_INFINITY;
      try {
        await session.join(() => this.#subscriptions.channels);
        since = performance.now();
        if (this.#isWanted()) this.#enter({ name: 'present', session });
      } catch (error) {
        session.end(error as Error);
      }
      const error = await session.ended;
      this.#session = undefined;
      if (!this.#isWanted()) return;
      this.#enter({ name: 'away', error });
      if (performance.now() - since > healthyMs) failures = 0;
      await this.#pause.wait(reconnectMs(failures));
    }
  }

  #isWanted(): boolean {
    return this.#state.name !== 'closed';
  }

  #awayError(): RedisAwayError {
    return new RedisAwayError(
      this.#state.name === 'away' ? this.#state.error : new Error('the connection was closed'),
    );
  }

  #enter(next: State): void {
    const last = this.#state;
    this.#state = next;
    if (last.name === 'starting') this.#markStarted();
    if (next.name === 'away' && last.name !== 'away') this.#tell('away', next.error);
    if (next.name === 'present' && last.name === 'away') this.#tell('back');
  }

  #tell(state: RemoteState, error?: Error): void {
    for (const watcher of this.#watchers) {
      try {
        watcher(state, error);
      } catch {
        // A watcher's failure is not the link's.
      }
    }
  }
}

/** Before the next try, after so many that failed before the last one: at most about two seconds. */
export const reconnectMs = (failures: number, random = Math.random): number =>
  backoffMs(failures + 1, { minMs: 75, maxMs: 2_100 }, { jitter: 2 / 3, random });
