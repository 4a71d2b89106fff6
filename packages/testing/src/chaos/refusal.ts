/** A recognizer that refuses for good: its senders are told why, keep what was not heard, and send it once it is let in. */
import { timeToleranceMs } from '../tone-language/time-errors.ts';
import type { Backstage, ChangeHub } from './scenario.ts';
import type { Scene } from './scene.ts';
import { count, seconds } from './text.ts';
import type { Voice } from './voice.ts';

/** What a person has to read in the reason, to know what to do. */
const causes = {
  401: { of: 'the key', says: /\b(credentials?|keys?)\b/i },
  402: { of: 'the credit', says: /\bcredits?\b/i },
  403: { of: 'the access', says: /\b(access|permissions?|may not)\b/i },
} as const;

export type RefusalStatus = keyof typeof causes;

const leastMs = 2_500;
/** A hub may take its time before it tries again. */
const mostMs = 15_000;
/** How long the hub waits for its senders, where it is to say that words are missing. */
const graceMs = 3_000;

/** A hub that soon says what is missing. */
export const impatient: ChangeHub = (options) => ({ ...options, limits: { ...options.limits, graceMs } });

/** `until`: the senders know, or the log has a gap too, because they stayed away for longer than the hub waits. */
export async function refused(
  scene: Scene,
  { recognizer }: Backstage,
  status: RefusalStatus,
  until: 'told' | 'gap',
): Promise<void> {
  recognizer.fault({ kind: 'refuse', status });
  recognizer.fault({ kind: 'fin' });
  await scene.wait(leastMs);
  const { voices, gaps } = scene;
  await scene.until(() => voices.every(({ refusals }) => refusals.length > 0), mostMs);
  const isMissed = ({ source }: Voice) => gaps.some((gap) => gap.source === source);
  if (until === 'gap') {
    const areMissed = await scene.until(() => voices.every(isMissed), mostMs);
    scene.expect(areMissed, 'the senders stayed away, and the log did not say what is missing (gap)');
  }
  for (const voice of voices) judge(scene, voice, status);
  await recognizer.clear();
}

function judge(scene: Scene, { source, refusals, forgottenMs, sender }: Voice, status: RefusalStatus): void {
  const problem = reasonProblem(refusals, status);
  scene.expect(problem === undefined, `the sender of ${source} ${problem}`);
  const lost = `${Math.round(forgottenMs)} ms of audio whose words are not stored`;
  scene.expect(forgottenMs <= timeToleranceMs, `the sender of ${source} no longer has ${lost}`);
  const told = refusals.map((reason) => `"${reason}"`).join(' and ');
  if (problem === undefined)
    scene.notes.push(
      `the sender of ${source} was told ${told}, and kept ${seconds(sender.bufferedMs)} of audio`,
    );
}

/** What is wrong with what a sender was told, as the end of a sentence; it has to be one sentence that says the cause. */
export function reasonProblem(reasons: readonly string[], status: RefusalStatus): string | undefined {
  const { of, says } = causes[status];
  if (reasons.length === 0) return `was not told why there are no words (${status})`;
  for (const reason of reasons) {
    const sentences = sentencesIn(reason);
    if (sentences === 0) return 'was told an empty reason';
    if (sentences > 1) return `was told ${count(sentences, 'sentence')} instead of one: "${reason}"`;
    if (!says.test(reason)) return `was told a reason that says nothing of ${of}: "${reason}"`;
  }
  return undefined;
}

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

function sentencesIn(text: string): number {
  return [...segmenter.segment(text.trim())].length;
}
