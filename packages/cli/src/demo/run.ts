/** Plays the demo's meeting, and compares what was said with what everybody got. */

import { countWords, inTime, reached, wordsOfFinals } from '@meetcast/testing/chaos';
import type { Context } from '../context.ts';
import { CliError } from '../exit.ts';
import { requestTranscript, storedFinals } from '../hub-request.ts';
import type { Output } from '../output.ts';
import { demoNote } from '../sentences.ts';
import { clock } from '../show.ts';
import { onStopSignal } from '../signals.ts';
import { showAccounts, showMeeting, showOpening } from './screen.ts';
import { meetingMs, said } from './script.ts';
import { openSenders, say } from './senders.ts';
import { openStage, type Stage } from './stage.ts';
import {
  cutTwice,
  joinLate,
  type MeetingClock,
  names,
  openViewer,
  type Tell,
  type Viewer,
} from './viewers.ts';

export interface DemoFlags {
  speed: number;
}

/** How long after the meeting its last words may take to reach everybody. */
const graceMs = 20_000;

export async function demo({ speed }: DemoFlags, { output }: Context): Promise<void> {
  const stop = stopped();
  const stage = await openStage(speed);
  try {
    showOpening(output, stage, meetingMs);
    await Promise.race([whole(stage, speed, output), stop.asked]);
  } finally {
    output.live([]);
    await stage.close();
    stop.ignore();
  }
}

/** Ctrl-C ends the demo in order, so that nothing of it stays behind. */
function stopped(): { asked: Promise<never>; ignore(): void } {
  let ignore = () => {};
  const asked = new Promise<never>((_resolve, reject) => {
    ignore = onStopSignal(() => reject(new CliError('failed', ...demoNote.interrupted)));
  });
  asked.catch(() => {}); // It may be asked while nobody listens yet.
  return { asked, ignore };
}

async function whole(stage: Stage, speed: number, output: Output): Promise<void> {
  if (await inTime(meetingMs / speed + graceMs, play(stage, speed, output))) return;
  throw new CliError('failed', ...demoNote.unfinished);
}

async function play(stage: Stage, speed: number, output: Output): Promise<void> {
  const first = await openViewer(names.first, stage, stage.hub.url, speed, output);
  const dropped = await openViewer(names.dropped, stage, stage.remoteUrl, speed, output);
  showMeeting(first.subscription, output);
  const senders = await openSenders(stage, output);
  const meetingClock = startClock(speed);
  const tell: Tell = (viewer, what, text) => {
    const atMs = Math.round(meetingClock.nowMs());
    output.emit({ event: 'viewer', viewer, what, at_ms: atMs });
    output.say(output.notePaint.yellow(`[${clock(atMs)}] ● ${viewer.split(',')[0]} ${text}`));
  };
  const [late, , ...ended] = await Promise.all([
    joinLate(meetingClock, first, stage, tell, output),
    cutTwice(meetingClock, dropped, first, stage, tell),
    ...senders.map((sender) => say(sender, speed)),
  ]);
  const lastSeq = Math.max(...ended.map(({ lastSeq: seq }) => seq));
  const viewers = [first, late, dropped];
  await Promise.all(viewers.map(({ subscription }) => reached(subscription, lastSeq)));
  await conclude(stage, viewers, output);
}

function startClock(speed: number): MeetingClock & { nowMs(): number } {
  const start = performance.now();
  const nowMs = () => (performance.now() - start) * speed;
  return {
    speed,
    nowMs,
    at: (ms) =>
      new Promise((resolve) => {
        // A meeting that failed must not be waited for.
        setTimeout(resolve, Math.max(0, (ms - nowMs()) / speed)).unref();
      }),
  };
}

async function conclude(stage: Stage, viewers: readonly Viewer[], output: Output): Promise<void> {
  const { emit, live, paint } = output;
  live([]);
  const stored = await storedFinals(stage.hub, 'demo');
  const srt = await (await requestTranscript(stage.hub, 'demo', { format: 'srt' })).text();
  emit({ event: 'srt', text: srt }, `\n${paint.dim(srt.trimEnd())}`);
  const isEqual = showAccounts(output, said, [
    { who: 'stored', words: wordsOfFinals(stored) },
    ...viewers.map(({ name, finals }) => ({ who: name, words: wordsOfFinals(finals) })),
  ]);
  emit({ event: 'done', ok: isEqual, words: countWords(said) });
  if (!isEqual) throw new CliError('failed', ...demoNote.failed);
  output.say(output.notePaint.green(demoNote.passed(countWords(said))));
}
