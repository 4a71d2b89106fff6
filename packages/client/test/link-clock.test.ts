/** The link by the clock: its timers are its states', and none outlives them. */
import { decodeSubscriberDownstream, type SubscriberDownstream } from '@meetcast/protocol';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type ConnectionChange, Link } from '../src/link.ts';
import { type ConnectOptions, linkSettings } from '../src/options.ts';
import type { SocketLike } from '../src/socket.ts';

/** A browser's socket, played by hand. */
class HandSocket implements SocketLike {
  binaryType = '';
  bufferedAmount = 0;
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  sent: unknown[] = [];
  closedWith: unknown[] = [];

  send(data: string | Uint8Array): void {
    this.sent.push(data);
  }

  close(code?: number): void {
    this.closedWith.push(code);
  }

  play(event: 'onopen' | 'onmessage' | 'onclose', value: object): void {
    this[event]?.(value as never);
  }
}

let sockets: HandSocket[];
let changes: ConnectionChange[];
let link: Link<SubscriberDownstream>;

function open(token: ConnectOptions['token']): void {
  const openSocket = () => {
    const socket = new HandSocket();
    sockets.push(socket);
    return socket;
  };
  const settings = linkSettings({ url: 'http://h', meeting: 'm', token }, openSocket);
  link = new Link<SubscriberDownstream>(
    { ...settings, random: () => 1 },
    {
      address: () => 'ws://h',
      decode: decodeSubscriberDownstream,
      opened: () => {},
      received: () => {},
      unknown: () => {},
      lost: () => {},
      changed: (change) => changes.push(change),
      ended: () => {},
    },
  );
  link.start();
}

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  changes = [];
  open('t');
});
afterEach(() => {
  link.close('');
  vi.useRealTimers();
});

async function connect(): Promise<HandSocket> {
  await vi.advanceTimersByTimeAsync(0);
  const socket = sockets.at(-1);
  if (!socket) throw new Error('no socket was opened');
  socket.play('onopen', {});
  link.ready(25_000);
  return socket;
}

const waits = () => changes.flatMap((change) => change.retryInMs ?? []);
const lose = (socket: HandSocket) => socket.play('onclose', { code: 1006, reason: '' });

test('waits double while links die young, and start anew after ten healthy seconds', async () => {
  for (const wait of [1_000, 2_000, 4_000]) {
    const socket = await connect();
    await vi.advanceTimersByTimeAsync(9_999);
    lose(socket);
    await vi.advanceTimersByTimeAsync(wait);
  }
  const socket = await connect();
  await vi.advanceTimersByTimeAsync(10_000);
  lose(socket);
  expect(waits()).toEqual([1_000, 2_000, 4_000, 1_000]);
});

test('after the trusted silence a ping, ten seconds later the link is dead', async () => {
  const socket = await connect();
  await vi.advanceTimersByTimeAsync(24_999);
  expect(socket.sent).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(socket.sent).toEqual(['{"type":"ping"}']);
  await vi.advanceTimersByTimeAsync(9_999);
  expect(link.status).toBe('connected');
  await vi.advanceTimersByTimeAsync(1);
  expect(link.status).toBe('reconnecting');
  expect(socket.closedWith).toHaveLength(1);
});

test('anything that arrives is an answer', async () => {
  const socket = await connect();
  for (let round = 0; round < 20; round++) {
    await vi.advanceTimersByTimeAsync(20_000);
    socket.play('onmessage', { data: '{"type":"news"}' });
  }
  expect(socket.sent).toEqual([]);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(socket.sent).toHaveLength(1);
  socket.play('onmessage', { data: 'pong' });
  await vi.advanceTimersByTimeAsync(20_000);
  expect(link.status).toBe('connected');
});

test('a left socket is not heard any more, and close leaves no timer', async () => {
  const socket = await connect();
  link.drop('for a reason');
  expect([socket.onopen, socket.onmessage, socket.onclose]).toEqual([null, null, null]);
  expect(vi.getTimerCount()).toBe(1);
  link.close('');
  expect(vi.getTimerCount()).toBe(0);
});

test('close is polite: the hub is told that the work is done', async () => {
  const socket = await connect();
  link.close('');
  expect(socket.closedWith).toEqual([1000]);
  expect(vi.getTimerCount()).toBe(0);
});

test('a token function that never answers is asked again, and its late answer is not heard', async () => {
  link.close('');
  changes = [];
  sockets = [];
  const answers: ((token: string) => void)[] = [];
  open(() => new Promise((resolve) => answers.push(resolve)));
  await vi.advanceTimersByTimeAsync(9_999);
  expect([changes, answers.length]).toEqual([[], 1]);
  await vi.advanceTimersByTimeAsync(1);
  expect(changes).toEqual([
    {
      status: 'reconnecting',
      attempt: 1,
      retryInMs: 1_000,
      code: 1006,
      reason: 'the token function did not answer in time',
    },
  ]);
  answers[0]?.('too-late');
  await vi.advanceTimersByTimeAsync(1_000);
  answers[1]?.('in-time');
  await connect();
  expect([link.status, link.token, sockets.length]).toEqual(['connected', 'in-time', 1]);
  link.close('');
  expect(vi.getTimerCount()).toBe(0);
});
