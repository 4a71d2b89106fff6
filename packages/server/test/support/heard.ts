/** Senders that were heard, wholly or in part, and what may follow. */
import type { Handshake } from '@meetcast/protocol';
import { RecognizerError } from '../../src/lib/errors.ts';
import type { Claim, Registry } from '../../src/registry/registry.ts';
import { settled } from './fake-clock.ts';
import { type ScriptedStream, span } from './scripted-recognizer.ts';
import { audio, registryWith, type SenderEnd, type Stage } from './stage.ts';

export const done = { code: 1000, reason: 'done' };
export const restart = { code: 1012, reason: 'restart' };
export const graceMs = 30_000;
export const micVacant = { sent: [], vacant: ['mic'] };
export const gone = new RecognizerError('it is gone', { retryable: true });
export const finalize = { type: 'finalize' };
export const stop = { type: 'close' };

/** A sender of which a second was heard: "hello", and then nothing more. */
export async function heard(stage: Stage, changes: Partial<Handshake> = {}): Promise<SenderEnd> {
  const sender = await stage.accepted(changes);
  sender.send(audio(1_000));
  stage.recognizer.stream.say(span('hello', 0, 400));
  await settled();
  return sender;
}

/** The same, but with a recognizer that has yet to say what is in the rest. */
export async function halfHeard(stage: Stage, changes: Partial<Handshake> = {}) {
  const sender = await heard(stage, changes);
  const { stream } = stage.recognizer;
  stream.hangs = true;
  return { sender, stream };
}

/** The recognizer is asked for the last words, and says those of the second half second. */
export function sayRest(stream: ScriptedStream): void {
  stream.say(span('so it is', 400, 1_000));
  stream.end();
}

/** A registry whose claims do some of it in their own way. */
export const registryOf = (change: (claim: Claim) => Partial<Claim>): Registry =>
  registryWith(async (inner, ...args) => {
    const claim = await inner.claim(...args);
    return claim.kind === 'held' ? claim : { ...claim, ...change(claim) };
  });
