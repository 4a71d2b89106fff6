/** A local server that speaks Deepgram's live protocol and really hears the tone language. */

import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Fault, FaultBoard, isForNow } from './faults.ts';
import { decide } from './handshake.ts';
import { credentialsOf } from './listen-auth.ts';
import type { ListenSettings } from './listen-settings.ts';
import { ListenStream } from './listen-stream.ts';
import { Listener } from './listener.ts';
import { notFound, type Refusal, refusal, refusalBody, refusalHeaders, refuseUpgrade } from './refusals.ts';
import { openRecord, type RefusedHandshake, type StreamRecord } from './stream-record.ts';

export interface DeepgramSimulatorOptions {
  /** On 127.0.0.1. Default 0: any free one. */
  port?: number;
  /** Keys and tokens to accept. Default: any that is not empty. */
  keys?: readonly string[];
  /** How many times real time audio is taken at most. Default 1.25, as Deepgram; 0 or Infinity: as fast as it comes. */
  pace?: number;
  /** Silence on the line after which a stream is closed with NET-0001. Default 10 000. */
  idleTimeoutMs?: number;
  faults?: readonly Fault[];
}

export interface DeepgramSimulator {
  /** What to give the SDK as `baseUrl`. */
  readonly url: string;
  readonly port: number;
  /** Every stream since the start, oldest first. */
  readonly streams: readonly StreamRecord[];
  /** Every handshake that became no stream, oldest first. */
  readonly refused: readonly RefusedHandshake[];
  /** Sets a switch; several may be set. */
  fault(fault: Fault): void;
  /** Takes all switches back; resolves once the simulator listens again. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

type Settled = DeepgramSimulatorOptions & { pace: number; idleTimeoutMs: number };

const exposedHeaders = 'dg-model-name,dg-model-uuid,dg-char-count,dg-request-id,dg-error';

export async function startDeepgramSimulator(
  options: DeepgramSimulatorOptions = {},
): Promise<DeepgramSimulator> {
  const { pace = 1.25, idleTimeoutMs = 10_000 } = options;
  if (!(pace >= 0)) throw new TypeError(`pace must be 0 or more, got ${pace}`);
  if (!(idleTimeoutMs > 0))
    throw new TypeError(`idleTimeoutMs must be a positive number, got ${idleTimeoutMs}`);
  const simulator = new Simulator({ ...options, pace, idleTimeoutMs });
  await simulator.listen();
  for (const fault of options.faults ?? []) simulator.fault(fault);
  return simulator;
}

class Simulator implements DeepgramSimulator {
  readonly streams: StreamRecord[] = [];
  readonly refused: RefusedHandshake[] = [];
  readonly #options: Settled;
  readonly #faults = new FaultBoard();
  readonly #open = new Set<ListenStream>();
  readonly #delays = new Set<NodeJS.Timeout>();
  readonly #requestIds = new WeakMap<IncomingMessage, string>();
  readonly #listener = new Listener(answerRequest, (request, socket, head) =>
    this.#delay(socket, () => this.#shakeHands(request, socket, head)),
  );
  readonly #websockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: (_, request) => credentialsOf(request.headers)?.subprotocol ?? false,
  });

  constructor(options: Settled) {
    this.#options = options;
    this.#websockets.on('headers', (headers, request) => {
      headers.push(`dg-request-id: ${this.#requestIds.get(request)}`);
      headers.push(`access-control-expose-headers: ${exposedHeaders}`);
    });
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return this.#listener.port;
  }

  listen(): Promise<void> {
    return this.#listener.listen(this.#options.port);
  }

  fault(fault: Fault): void {
    if (fault.kind === 'away') return this.#listener.leave(fault.forMs);
    if (!isForNow(fault)) return this.#faults.set(fault);
    for (const stream of this.#open) stream.hurt(fault);
  }

  async clear(): Promise<void> {
    this.#faults.clear();
    for (const stream of this.#open) stream.spare();
    await this.#listener.listen();
  }

  async close(): Promise<void> {
    for (const delay of this.#delays) clearTimeout(delay);
    for (const stream of this.#open) stream.terminate();
    await this.#listener.close();
  }

  /** A slow upgrade; the timer ends with the simulator. */
  #delay(socket: Socket, answer: () => void): void {
    const delayMs = this.#faults.upgradeDelayMs;
    if (delayMs === 0) return answer();
    const delay = setTimeout(() => {
      this.#delays.delete(delay);
      if (!socket.destroyed) answer();
    }, delayMs);
    this.#delays.add(delay);
  }

  #shakeHands(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const requestId = randomUUID();
    const status = this.#faults.takeRefusal();
    if (status) return this.#refuse(request, socket, refusal(status), requestId);
    const decision = decide(request, this.#options.keys);
    if (decision.name === 'refused') return this.#refuse(request, socket, decision.refusal, requestId);
    this.#requestIds.set(request, requestId);
    this.#websockets.handleUpgrade(request, socket, head, (websocket) =>
      this.#begin(websocket, request, requestId, decision.settings),
    );
  }

  #refuse({ url = '', headers }: IncomingMessage, socket: Socket, refused: Refusal, requestId: string): void {
    this.refused.push({ requestId, status: refused.status, url, headers });
    refuseUpgrade(socket, refused, requestId);
  }

  #begin(websocket: WebSocket, request: IncomingMessage, requestId: string, settings: ListenSettings): void {
    const record = openRecord(requestId, request.url ?? '', request.headers);
    this.streams.push(record);
    const { pace, idleTimeoutMs } = this.#options;
    const faults = this.#faults;
    const strike = faults.takeStrike();
    const shared = { websocket, socket: request.socket, record, faults, strike, pace, idleTimeoutMs };
    const stream = new ListenStream({ ...shared, requestId, settings });
    this.#open.add(stream);
    websocket.on('close', () => this.#open.delete(stream));
  }
}

function answerRequest(_: IncomingMessage, response: ServerResponse): void {
  const requestId = randomUUID();
  response.writeHead(notFound.status, refusalHeaders(notFound, requestId));
  response.end(refusalBody(notFound, requestId));
}
