/** One client's open socket on `/v1/listen`: takes its frames at the allowed pace and sends what the transcriber answers. */

import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { resetSocket } from '../network/reset.ts';
import { answerConfigure } from './configure.ts';
import { parseControl } from './control-messages.ts';
import type { FaultBoard, StreamFault, Strike } from './faults.ts';
import type { ServerMessage } from './listen-messages.ts';
import { Pacer } from './pacer.ts';
import type { StreamIdentity } from './results.ts';
import type { OpenRecord } from './stream-record.ts';
import { Transcriber } from './transcriber.ts';

export interface StreamOptions extends StreamIdentity {
  websocket: WebSocket;
  socket: Socket;
  record: OpenRecord;
  faults: FaultBoard;
  strike: Strike | undefined;
  pace: number;
  idleTimeoutMs: number;
}

type Frame = { name: 'audio'; bytes: Uint8Array } | { name: 'text'; text: string } | { name: 'end' };

/**
 *   reading ⇄ waiting        waiting: the pace holds the next frame back, and the socket is paused
 *      │         │
 *      └────┬────┘
 *           ▼
 *         ended              told all there is to tell, or hurt by a fault
 */
type State =
  | { name: 'reading'; idle: NodeJS.Timeout }
  | { name: 'waiting'; next: NodeJS.Timeout }
  | { name: 'ended' };

const pieceSeconds = 0.1;
const netTimeout =
  'Deepgram did not receive audio data or a text message within the timeout window. See https://dpgr.am/net0001';

export class ListenStream {
  readonly #options: StreamOptions;
  readonly #transcriber: Transcriber;
  readonly #pacer: Pacer;
  readonly #inbox: Frame[] = [];
  #state: State;
  #strike: Strike | undefined;
  #lastFrameMs = performance.now();

  constructor(options: StreamOptions) {
    const { websocket, pace, record } = options;
    this.#options = options;
    this.#transcriber = new Transcriber(options, new Date().toISOString());
    this.#pacer = new Pacer(pace);
    this.#strike = options.strike;
    this.#state = { name: 'reading', idle: this.#idleTimer(options.idleTimeoutMs) };
    websocket.on('message', (payload: Buffer, isBinary: boolean) => this.#receive(payload, isBinary));
    websocket.on('close', () => {
      record.open = false;
      this.#enter({ name: 'ended' });
    });
    // ws answers a protocol error with the right close by itself; the listener only keeps the process alive.
    websocket.on('error', () => undefined);
    if (options.strike?.afterAudioMs === 0) this.hurt(options.strike.fault);
  }

  /** Ends the connection at once; nothing is sent. */
  terminate(): void {
    this.#enter({ name: 'ended' });
    this.#options.websocket.terminate();
  }

  /** Takes back the strike that waits for this stream. */
  spare(): void {
    this.#strike = undefined;
  }

  hurt(fault: StreamFault): void {
    if (this.#state.name === 'ended') return;
    const { websocket, socket } = this.#options;
    if (fault.kind === 'close') this.#close(fault.code, fault.reason);
    this.#enter({ name: 'ended' });
    // Paused by the pace it would not see the other side end.
    websocket.resume();
    if (fault.kind === 'rst') resetSocket(socket);
    if (fault.kind === 'fin') socket.end();
    if (fault.kind === 'silence') fallSilent(socket);
  }

  #receive(payload: Buffer, isBinary: boolean): void {
    if (this.#state.name === 'ended') return;
    if (!isBinary) this.#inbox.push({ name: 'text', text: payload.toString() });
    else if (payload.length === 0) this.#inbox.push({ name: 'end' });
    else this.#inbox.push(...this.#pieces(payload));
    if (this.#state.name === 'reading') this.#work();
  }

  /** A long frame in pieces, so that its answers come at the pace of its audio and not all at once. */
  #pieces(audio: Buffer): Frame[] {
    const { sampleRate, channels } = this.#options.settings;
    const size = Math.ceil(sampleRate * pieceSeconds) * channels * 2;
    const count = Math.ceil(audio.length / size);
    return Array.from({ length: count }, (_, place) => ({
      name: 'audio',
      bytes: audio.subarray(place * size, (place + 1) * size),
    }));
  }

  #work(): void {
    for (let frame = this.#inbox.shift(); frame; frame = this.#inbox.shift()) {
      const waitMs = this.#take(frame);
      if (this.#state.name === 'ended') return;
      if (waitMs > 0) return this.#wait(waitMs);
    }
    const { websocket, idleTimeoutMs } = this.#options;
    if (this.#state.name === 'reading') return;
    websocket.resume();
    this.#enter({ name: 'reading', idle: this.#idleTimer(idleTimeoutMs) });
  }

  /** Leaves the rest in the kernel: the client feels it as TCP backpressure, as it would from a slow network. */
  #wait(waitMs: number): void {
    this.#options.websocket.pause();
    this.#enter({ name: 'waiting', next: setTimeout(() => this.#work(), waitMs) });
  }

  /** Returns how long to wait before the next frame. */
  #take(frame: Frame): number {
    if (frame.name === 'end') return this.#finish();
    if (frame.name === 'text') return this.#control(frame.text);
    this.#lastFrameMs = performance.now();
    if (this.#options.settings.encoding !== 'linear16') return this.#close(1008, 'DATA-0000');
    return this.#hear(frame.bytes);
  }

  #hear(audio: Uint8Array): number {
    const { record, faults } = this.#options;
    const strike = this.#strike;
    const untilStrike = strike
      ? this.#bytesOf(strike.afterAudioMs) - record.audioBytes
      : Number.POSITIVE_INFINITY;
    const heard = audio.subarray(0, untilStrike);
    this.#send(this.#transcriber.hear(heard));
    record.audioBytes += heard.length;
    record.audioSeconds = this.#transcriber.seconds;
    if (strike && untilStrike <= audio.length) this.hurt(strike.fault);
    const audioMs = this.#transcriber.secondsOf(heard.length) * 1000;
    return this.#pacer.take({ audioMs, bytes: heard.length }, faults.bytesPerSecond, performance.now());
  }

  #bytesOf(audioMs: number): number {
    const { sampleRate, channels } = this.#options.settings;
    return Math.round((audioMs * sampleRate) / 1000) * channels * 2;
  }

  #control(text: string): number {
    const { record } = this.#options;
    record.texts.push(text);
    // Text alone does not keep a stream open: it must have sent audio once.
    if (record.audioBytes > 0) this.#lastFrameMs = performance.now();
    const control = parseControl(text);
    if (control.name === 'close-stream') return this.#finish();
    if (control.name === 'finalize') this.#send(this.#transcriber.finalize(control.channel));
    if (control.name === 'configure') this.#send([answerConfigure(control.keyterms, this.#options)]);
    if (control.name === 'unreadable') this.#send([notUnderstood(control.reason)]);
    return 0;
  }

  #finish(): number {
    this.#send(this.#transcriber.finish());
    return this.#options.faults.endsWithoutStatus ? this.#close() : this.#close(1000);
  }

  #close(code?: number, reason?: string): 0 {
    this.#enter({ name: 'ended' });
    this.#options.websocket.resume();
    this.#options.websocket.close(code, reason);
    return 0;
  }

  #send(messages: ServerMessage[]): void {
    for (const message of messages) this.#options.websocket.send(JSON.stringify(message));
  }

  #idleTimer(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#idle(), ms);
  }

  #idle(): void {
    const leftMs = this.#options.idleTimeoutMs - (performance.now() - this.#lastFrameMs);
    if (leftMs <= 0) this.#close(1011, netTimeout);
    else this.#enter({ name: 'reading', idle: this.#idleTimer(leftMs) });
  }

  #enter(next: State): void {
    if (this.#state.name === 'reading') clearTimeout(this.#state.idle);
    if (this.#state.name === 'waiting') clearTimeout(this.#state.next);
    if (next.name === 'ended') this.#inbox.length = 0;
    this.#state = next;
  }
}

/** Deepgram's wording for a text frame it cannot read is not documented; that the stream goes on is. */
const notUnderstood = (reason: string): ServerMessage => ({
  type: 'Error',
  variant: 'SchemaError',
  description: 'Could not deserialize last text message',
  message: reason,
});

/** Takes the socket away from ws: bytes are still swallowed, and nothing reacts to them any more. */
function fallSilent(socket: Socket): void {
  socket.removeAllListeners('data');
  socket.on('data', () => undefined);
  socket.resume();
}
