/** `meetcast demo`: a whole meeting in one process, and the proof that no word was lost. */
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { showAccounts, showMeeting, showOpening } from '../demo/screen.ts';
import { meetingMs, said } from '../demo/script.ts';
import { openSenders, say } from '../demo/senders.ts';
import { openStage, type Stage } from '../demo/stage.ts';
import {
  cutTwice,
  joinLate,
  type MeetingClock,
  names,
  openViewer,
  type Tell,
  type Viewer,
} from '../demo/viewers.ts';
import { CliError } from '../exit.ts';
import { addExamples } from '../help.ts';
import { requestTranscript, storedFinals } from '../hub-request.ts';
import type { Output } from '../output.ts';
import { inTime, reached } from '../seen.ts';
import { clock } from '../show.ts';
import { number } from '../values.ts';
import { countWords, wordsOfFinals } from '../words.ts';

interface DemoFlags {
  speed: number;
}

/** How long after the meeting its last words may take to reach everybody. */
const graceMs = 20_000;

export function registerDemo(program: Command, context: Context): void {
  const command = program
    .command('demo')
    .description('See it work: a meeting of half a minute, three viewers, one cut off, and not a word lost.')
    .addOption(new Option('--speed <n>', 'times real time').argParser(number()).default(1))
    .action((flags: DemoFlags) => demo(flags, context));
  addExamples(command, [
    ['half a minute, live', 'meetcast demo'],
    ['in three seconds, for a script', 'meetcast demo --speed 10 --json'],
  ]);
}

async function demo({ speed }: DemoFlags, { output }: Context): Promise<void> {
  const stage = await openStage(speed);
  try {
    showOpening(output, stage, meetingMs);
    const isWhole = await inTime(meetingMs / speed + graceMs, play(stage, speed, output));
    if (!isWhole)
      throw new CliError('failed', 'the meeting did not end: somebody is still waiting for words.');
  } finally {
    output.live([]);
    await stage.close();
  }
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
    output.say(output.notePaint.yellow(`[${clock(atMs)}] ● the viewer who ${phrase[viewer]} ${text}`));
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

const phrase: Readonly<Record<string, string>> = {
  [names.first]: 'is there from the start',
  [names.late]: 'comes late',
  [names.dropped]: 'has a bad line',
};

function startClock(speed: number): MeetingClock & { nowMs(): number } {
  const start = performance.now();
  const nowMs = () => (performance.now() - start) * speed;
  return {
    speed,
    nowMs,
    at: (ms) => new Promise((resolve) => setTimeout(resolve, Math.max(0, (ms - nowMs()) / speed))),
  };
}

async function conclude(stage: Stage, viewers: readonly Viewer[], output: Output): Promise<void> {
  const { emit, live, paint } = output;
  live([]);
  for (const { subscription } of viewers) subscription.close();
  const stored = await storedFinals(stage.hub, 'demo');
  const srt = await (await requestTranscript(stage.hub, 'demo', { format: 'srt' })).text();
  emit({ event: 'srt', text: srt }, `\n${paint.dim(srt.trimEnd())}`);
  const isEqual = showAccounts(output, said, [
    { who: 'stored', words: wordsOfFinals(stored) },
    ...viewers.map(({ name, finals }) => ({ who: `viewer ${name}`, words: wordsOfFinals(finals) })),
  ]);
  emit({ event: 'done', ok: isEqual, words: countWords(said) });
  if (!isEqual) throw new CliError('failed', 'words were lost, repeated or changed.');
  output.say(
    output.notePaint.green(`\nAll ${countWords(said)} words said were stored and seen, by every viewer.`),
  );
}
