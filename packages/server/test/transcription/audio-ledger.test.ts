import { expect, test } from 'vitest';
import { AudioLedger } from '../../src/transcription/audio-ledger.ts';

const meeting = { tenant: 'acme', id: 'm' };

test('a length grows with the position; the same stretch twice counts once', () => {
  const account = new AudioLedger().account(meeting, 'mic');
  account.begin({ ms: 0, epoch: 'e1' });
  account.received.to(1_000);
  account.received.to(1_000);
  account.received.to(700);
  account.received.to(1_500);
  expect([account.received.totalMs, account.received.positionMs]).toEqual([1_500, 1_500]);
});

test('audio sent again from where it is safe counts once', () => {
  const account = new AudioLedger().account(meeting, 'mic');
  account.begin({ ms: 0, epoch: 'e1' });
  account.received.to(5_000);
  account.covered.to(3_000);
  account.end();
  account.begin({ ms: 3_000, epoch: 'e1' });
  account.received.to(6_000);
  account.covered.to(6_000);
  expect([account.received.totalMs, account.covered.totalMs]).toEqual([6_000, 6_000]);
});

test('time in which a source was not sent is not its audio', () => {
  const account = new AudioLedger().account(meeting, 'mic');
  account.begin({ ms: 0, epoch: 'e1' });
  account.received.to(1_000);
  account.end();
  account.begin({ ms: 60_000, epoch: 'e1' });
  account.received.to(61_000);
  expect(account.received.totalMs).toBe(2_000);
});

test('[ING11] a meeting is where the furthest of its sources has got, sent still or not', () => {
  const ledger = new AudioLedger();
  expect(ledger.positionMs(meeting)).toBe(0);
  const [mic, system] = [ledger.account(meeting, 'mic'), ledger.account(meeting, 'system')];
  mic.begin({ ms: 0, epoch: 'e1' });
  mic.received.to(9_000);
  system.begin({ ms: 0, epoch: 'e1' });
  system.received.to(4_000);
  expect(ledger.positionMs(meeting)).toBe(9_000);
  mic.end();
  expect(ledger.positionMs(meeting)).toBe(9_000);
  expect(ledger.positionMs({ ...meeting, tenant: 'globex' })).toBe(0);
});

test('a takeover keeps the account active until both sessions have ended', () => {
  const account = new AudioLedger().account(meeting, 'mic');
  account.begin({ ms: 0, epoch: 'e1' });
  account.begin({ ms: 500, epoch: 'e1' });
  account.end();
  expect(account.isActive).toBe(true);
  account.end();
  expect(account.isActive).toBe(false);
});

test('an account is the same object each time, and sources and meetings have their own', () => {
  const ledger = new AudioLedger();
  const mic = ledger.account(meeting, 'mic');
  expect(ledger.account(meeting, 'mic')).toBe(mic);
  expect(ledger.account(meeting, 'system')).not.toBe(mic);
  expect(ledger.account({ ...meeting, tenant: 'globex' }, 'mic')).not.toBe(mic);
  expect([...ledger.of(meeting).keys()]).toEqual(['mic', 'system']);
});

test('of more than a thousand meetings the oldest that nobody sends is forgotten', () => {
  const ledger = new AudioLedger();
  const at = (number: number) => ({ tenant: 'acme', id: `m${number}` });
  ledger.account(at(0), 'mic').begin({ ms: 0, epoch: 'e1' });
  for (let number = 1; number <= 1_000; number += 1) ledger.account(at(number), 'mic');
  expect(ledger.of(at(0)).size).toBe(1);
  expect(ledger.of(at(1)).size).toBe(0);
  expect(ledger.of(at(1_000)).size).toBe(1);
});

test('a meeting that has just begun is remembered, however many others are being sent', () => {
  const ledger = new AudioLedger();
  for (let number = 0; number < 1_001; number += 1) {
    const account = ledger.account({ tenant: 'acme', id: `m${number}` }, 'mic');
    account.begin({ ms: 0, epoch: 'e1' });
    account.received.to(1_000 + number);
  }
  expect(ledger.positionMs({ tenant: 'acme', id: 'm0' })).toBe(1_000);
  expect(ledger.positionMs({ tenant: 'acme', id: 'm1000' })).toBe(2_000);
});

test('of a forgotten meeting only what is being sent is still known', () => {
  const ledger = new AudioLedger();
  const [mic, system] = [ledger.account(meeting, 'mic'), ledger.account(meeting, 'system')];
  mic.begin({ ms: 0, epoch: 'e1' });
  mic.received.to(9_000);
  mic.end();
  system.begin({ ms: 0, epoch: 'e1' });
  system.received.to(4_000);
  ledger.forget(meeting);
  expect([...ledger.of(meeting).keys()]).toEqual(['system']);
  expect(ledger.positionMs(meeting)).toBe(4_000);
  system.end();
  ledger.forget(meeting);
  expect(ledger.positionMs(meeting)).toBe(0);
});

test('of a log that another node forgot only what is being sent is still known', () => {
  const ledger = new AudioLedger();
  const [mic, system] = [ledger.account(meeting, 'mic'), ledger.account(meeting, 'system')];
  mic.begin({ ms: 0, epoch: 'e1' });
  mic.received.to(9_000);
  mic.end();
  system.begin({ ms: 0, epoch: 'e1' });
  system.received.to(4_000);
  ledger.forget(meeting, 'e1');
  expect([...ledger.of(meeting).keys()]).toEqual(['mic', 'system']);
  ledger.forget(meeting, 'e2');
  expect([...ledger.of(meeting).keys()]).toEqual(['system']);
  const again = ledger.account(meeting, 'mic');
  ledger.forget(meeting, 'e2'); // It has not begun: it belongs to whatever log comes.
  expect(ledger.account(meeting, 'mic')).toBe(again);
});

test('the sums over all meetings only grow, whatever is forgotten', () => {
  const ledger = new AudioLedger();
  for (const id of ['one', 'two']) {
    const account = ledger.account({ tenant: 'acme', id }, 'mic');
    account.begin({ ms: 0, epoch: 'e1' });
    account.received.to(5_000);
    account.received.to(4_000);
    account.forwarded.to(3_000);
    account.end();
    ledger.forget({ tenant: 'acme', id });
  }
  expect(ledger.totals.get('mic')).toEqual({ received: 10_000, forwarded: 6_000, covered: 0 });
  expect(ledger.totals.get('system')).toEqual({ received: 0, forwarded: 0, covered: 0 });
});

test('of audio that another node has heard nothing is received anew, and its words are still covered', () => {
  const account = new AudioLedger().account(meeting, 'mic');
  account.begin({ ms: 2_000, epoch: 'e1', heardMs: 5_000 });
  for (const ms of [4_000, 8_000]) {
    account.received.to(ms);
    account.covered.to(ms);
  }
  expect([account.received.totalMs, account.covered.totalMs]).toEqual([3_000, 6_000]);
});

test('a stretch that was filled later counts, in the sums too, and moves no position', () => {
  const ledger = new AudioLedger();
  const { covered } = ledger.account(meeting, 'mic');
  covered.to(1_000);
  covered.fill(300);
  expect([covered.totalMs, covered.positionMs]).toEqual([1_300, 1_000]);
  expect(ledger.totals.get('mic')?.covered).toBe(1_300);
});
