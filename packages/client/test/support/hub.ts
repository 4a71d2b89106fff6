/** A scripted hub: real sockets on 127.0.0.1, and a test that says what it answers. */
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ConnectionChange, ConnectionStatus } from '@meetcast/client';
import { bearerOf } from '@meetcast/protocol';
import { type WebSocket, WebSocketServer } from 'ws';

/** One accepted socket, as the test plays its other end. */
export class Peer {
  readonly query: URLSearchParams;
  readonly path: string;
  readonly token: string | undefined;
  readonly socket: WebSocket;
  /** Text messages, parsed, and audio, in the order of their arrival. */
  readonly arrived: (Record<string, unknown> | Uint8Array)[] = [];
  readonly #moved = new EventEmitter();
  #read = 0;

  constructor(socket: WebSocket, request: IncomingMessage) {
    const url = new URL(request.url ?? '/', 'http://hub');
    this.path = url.pathname;
    this.query = url.searchParams;
    this.token = bearerOf((request.headers['sec-websocket-protocol'] ?? '').split(/, */));
    this.socket = socket;
    socket.on('message', (bytes: Buffer, isBinary) => {
      this.arrived.push(isBinary ? new Uint8Array(bytes) : JSON.parse(bytes.toString()));
      this.#moved.emit('arrived');
    });
    socket.on('error', () => {});
  }

  get audio(): Uint8Array {
    return Buffer.concat(this.arrived.filter((message) => message instanceof Uint8Array));
  }

  get texts(): Record<string, unknown>[] {
    return this.arrived.flatMap((message) => (message instanceof Uint8Array ? [] : [message]));
  }

  send(...messages: object[]): void {
    for (const message of messages) this.socket.send(JSON.stringify(message));
  }

  /** The next text message of this type. */
  async next(type: string): Promise<Record<string, unknown>> {
    for (;;) {
      const texts = this.texts;
      while (this.#read < texts.length) {
        const text = texts[this.#read++];
        if (text?.type === type) return text;
      }
      await once(this.#moved, 'arrived');
    }
  }

  connected(fields: object = {}): void {
    this.send({
      type: 'connected',
      meeting_id: 'm',
      message: 'hello',
      connection_id: 'c',
      epoch: 'e1',
      seq: 0,
      recovered: null,
      heartbeat_ms: 25_000,
      ...fields,
    });
  }

  /** Answers a handshake. */
  accept(resumeFromMs = 0, epoch = 'e1', sessionFromMs?: number): void {
    this.send({
      type: 'handshake_ack',
      status: 'success',
      message: 'go on',
      session_id: 's',
      resume_from_ms: resumeFromMs,
      session_from_ms: sessionFromMs,
      epoch,
    });
  }

  ack(receivedMs: number, durableMs: number): void {
    this.send({ type: 'ack', received_ms: receivedMs, durable_ms: durableMs });
  }

  /** An error, then the close it announces. */
  refuse(code: number, word: string, message = `because of ${word}`): void {
    this.send({ type: 'error', code: word, message, retryable: true });
    this.socket.close(code, word);
  }
}

export interface ScriptedHub {
  url: string;
  peers: Peer[];
  /** The next socket that no test has taken yet. */
  peer(): Promise<Peer>;
  /** Answers what is not a socket. */
  http: (request: IncomingMessage, response: ServerResponse) => void;
  close(): Promise<void>;
}

export async function scriptedHub(): Promise<ScriptedHub> {
  const peers: Peer[] = [];
  const accepted = new EventEmitter();
  const server = createServer((request, response) => hub.http(request, response));
  const sockets = new WebSocketServer({ server });
  let taken = 0;
  sockets.on('connection', (socket, request) => {
    peers.push(new Peer(socket, request));
    accepted.emit('peer');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const hub: ScriptedHub = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    peers,
    async peer() {
      const index = taken++;
      for (;;) {
        const peer = peers[index];
        if (peer) return peer;
        await once(accepted, 'peer');
      }
    },
    http: (_request, response) => void response.writeHead(404).end(),
    async close() {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return hub;
}

const ts = '2025-01-01T00:00:00.000Z';

export const final = (seq: number, fields: object = {}) => ({
  type: 'transcript.final',
  seq,
  meeting_id: 'm',
  ts,
  segment_no: seq,
  start_ms: seq * 1000,
  end_ms: seq * 1000 + 900,
  text: `final ${seq}`,
  meta: { source: 'mic' },
  ...fields,
});

export const partial = (segment_no: number, text: string, fields: object = {}) => ({
  type: 'transcript.partial',
  meeting_id: 'm',
  ts,
  segment_no,
  start_ms: segment_no * 1000,
  end_ms: segment_no * 1000 + 500,
  text,
  meta: { source: 'mic' },
  ...fields,
});

export const status = (word: string, fields: object = {}) => ({
  type: 'status',
  meeting_id: 'm',
  ts,
  status: word,
  message: word,
  ...fields,
});

/** Everything `on` says under a name, in order. */
export function heard<Value>(on: (listener: (value: Value) => void) => unknown): Value[] {
  const values: Value[] = [];
  on((value) => values.push(value));
  return values;
}

/** Resolves with the first connection change of this status. */
export function connectionOf(
  client: { on(type: 'connection', listener: (change: ConnectionChange) => void): () => void },
  wanted: ConnectionStatus,
): Promise<ConnectionChange> {
  return new Promise((resolve) => {
    const stop = client.on('connection', (change) => {
      if (change.status !== wanted) return;
      stop();
      resolve(change);
    });
  });
}

/** Samples that count: the n-th frame holds n, so that a loss or repeat shows. */
export function counting(fromFrame: number, frames: number): Uint8Array<ArrayBuffer> {
  const samples = new Uint8Array(frames * 2);
  const view = new DataView(samples.buffer);
  for (let frame = 0; frame < frames; frame++) view.setUint16(frame * 2, (fromFrame + frame) & 0xffff, true);
  return samples;
}

/** The first frame and the number of frames of counting audio; throws where it jumps. */
export function counted(audio: Uint8Array): { from: number | undefined; frames: number } {
  const view = new DataView(audio.buffer, audio.byteOffset, audio.byteLength);
  const frames = audio.byteLength / 2;
  const from = frames === 0 ? undefined : view.getUint16(0, true);
  for (let frame = 0; frame < frames; frame++)
    if (view.getUint16(frame * 2, true) !== (((from ?? 0) + frame) & 0xffff))
      throw new Error(`the audio jumps at frame ${frame}`);
  return { from, frames };
}
