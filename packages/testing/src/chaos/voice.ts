/** One source of a meeting: somebody who speaks, the senders by whom it goes to the hub, and what came of it. */
import type { ConnectionChange, Publisher } from '@meetcast/client';
import {
  type CloseWord,
  closeCodes,
  type Source,
  type Status,
  type TranscriptFinal,
} from '@meetcast/protocol';
import { timeToleranceMs } from '../tone-language/time-errors.ts';
import type { Said } from './judge.ts';
import { Speaker, type SpeakerOptions } from './speaker.ts';

type Audience = 'sender' | 'viewer';

const unavailable = 'recognizer_unavailable' satisfies CloseWord;

export class Voice {
  readonly source: Source;
  readonly speaker: Speaker;
  readonly #happened: () => void;
  readonly #senders: Publisher[] = [];
  /** Where on the meeting's clock its audio begins. */
  #fromMs: number | undefined;
  /** Where the fault began. */
  #hurtMs = Number.POSITIVE_INFINITY;
  #losses = 0;
  #expired = 0;
  readonly #arrivals: { endMs: number; at: number }[] = [];
  /** Since the fault began. */
  #shown: { to: Audience; status: Status }[] = [];
  readonly #refusals = new Set<string>();

  constructor(source: Source, sender: Publisher, options: SpeakerOptions) {
    this.source = source;
    this.#happened = options.happened;
    this.speaker = new Speaker(sender, options);
    this.#take(sender);
  }

  /** Who sends it now. */
  get sender(): Publisher {
    const sender = this.#senders.at(-1);
    if (!sender) throw new Error('nobody sends');
    return sender;
  }

  get said(): Said {
    return { source: this.source, words: [...this.speaker.words], fromMs: this.#fromMs ?? 0 };
  }

  /** How often it lost its link. */
  get losses(): number {
    return this.#losses;
  }

  /** How often its link was closed because the token had run out. */
  get expired(): number {
    return this.#expired;
  }

  /** Whether words of it have come to the viewer. */
  get isHeard(): boolean {
    return this.#arrivals.length > 0;
  }

  /** When the viewer first had words of what was said since the fault began, by `performance.now()`. */
  get backAt(): number | undefined {
    return this.#arrivals.find(({ endMs }) => endMs > this.#hurtMs)?.at;
  }

  /** What it was told of a recognizer that refuses, each sentence once. */
  get refusals(): readonly string[] {
    return [...this.#refusals];
  }

  /** Audio without words that its sender no longer has, on the meeting's clock: 0 if it keeps all of it. */
  get forgottenMs(): number {
    const { words, fromMs } = this.said;
    const storedMs = Math.max(0, ...this.#arrivals.map(({ endMs }) => endMs));
    const unstored = words.find(({ startMs }) => fromMs + startMs >= storedMs - timeToleranceMs);
    const keptFromMs = this.speaker.positionMs - this.sender.bufferedMs;
    return unstored === undefined ? 0 : Math.max(0, keptFromMs - unstored.startMs);
  }

  /** Now the fault begins to be felt. */
  hurt(): void {
    this.#hurtMs = this.speaker.positionMs + (this.#fromMs ?? 0);
    this.#shown = [];
  }

  /** A final of it was shown to the viewer. */
  arrived({ end_ms: endMs }: TranscriptFinal): void {
    this.#arrivals.push({ endMs, at: performance.now() });
  }

  /** A status about it was shown to the viewer. */
  announced(status: Status): void {
    this.#shown.push({ to: 'viewer', status });
  }

  /** Whether its sender and the viewer were both shown such a status since the fault began. */
  isTold(isIt: (status: Status) => boolean): boolean {
    const isShown = (to: Audience) => this.#shown.some((one) => one.to === to && isIt(one.status));
    return isShown('sender') && isShown('viewer');
  }

  /** Another sender has taken over, and says the rest. */
  handOver(sender: Publisher): void {
    this.#take(sender);
    this.speaker.handOver(sender, sender.receivedMs - (this.#fromMs ?? 0));
  }

  close(): void {
    for (const sender of this.#senders) sender.close();
  }

  #take(sender: Publisher): void {
    this.#senders.push(sender);
    sender.on('connection', (change) => this.#changed(sender, change));
    sender.on('error', ({ code, message }) => {
      if (code === unavailable) this.#refusals.add(message);
      this.#happened();
    });
    sender.on('status', (status) => {
      this.#shown.push({ to: 'sender', status });
      this.#happened();
    });
  }

  #changed(sender: Publisher, { status, code, reason = '' }: ConnectionChange): void {
    if (status === 'connected') this.#fromMs ??= sender.receivedMs;
    if (status === 'reconnecting') this.#losses += 1;
    if (code === closeCodes.token_expired.code) this.#expired += 1;
    if (code === closeCodes[unavailable].code) this.#refusals.add(reason);
    this.#happened();
  }
}
