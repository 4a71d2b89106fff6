/** What people see of the demo: the meeting as it happens, and what became of it. */
import type { Subscription } from '@meetcast/client';
import type { Source, TranscriptFinal } from '@meetcast/protocol';
import { compareWords, countWords, type SourceWords } from '@meetcast/testing/chaos';
import { partialLine, textOf } from '../event-text.ts';
import type { Output, Paint } from '../output.ts';
import { demoNote } from '../sentences.ts';
import { clock, table } from '../show.ts';
import type { Stage } from './stage.ts';

/** Words of somebody who should have all of them. */
export interface Account {
  who: string;
  words: SourceWords;
}

export function showOpening({ say, notePaint: { bold, dim } }: Output, stage: Stage, ms: number): void {
  say(bold(demoNote.opening));
  say(dim(demoNote.parts(stage.hub.url, stage.simulatorUrl, clock(ms))));
  say('');
}

const colourOf = (paint: Paint, source: Source | undefined) =>
  source === 'system' ? paint.magenta : paint.cyan;

/** The meeting as one viewer sees it. */
export function showMeeting(subscription: Subscription, output: Output): void {
  const { emit, live, notePaint, paint } = output;
  subscription.on('event', (event) => {
    if (event.type === 'transcript.final')
      emit({ event: 'final', ...event }, coloured(paint, event, textOf(event)?.text ?? ''));
    const partials = subscription.transcript.partials.filter(({ text }) => text !== '');
    live(partials.map((partial) => notePaint.dim(partialLine(partial, output.columns))));
  });
}

/** The label in the colour of its source. */
function coloured(paint: Paint, { meta }: TranscriptFinal, line: string): string {
  const end = line.indexOf(':', line.indexOf(']')) + 1;
  return `${colourOf(paint, meta?.source)(line.slice(0, end))}${line.slice(end)}`;
}

export function showAccounts(
  { emit, paint }: Output,
  said: SourceWords,
  accounts: readonly Account[],
): boolean {
  const row = (who: string, words: SourceWords) => [
    who,
    words.mic.length,
    words.system.length,
    countWords(words),
  ];
  const rows = [{ who: 'said', words: said }, ...accounts];
  const [head = '', ...lines] = table([
    ['words', 'mic', 'system', 'all'],
    ...rows.map(({ who, words }) => row(who, words)),
  ]);
  emit({ event: 'said', ...lists(said) }, `\n${paint.bold(head)}\n${lines[0]}`);
  const verdicts = accounts.map(({ who, words }, place) => {
    const { isEqual, missing, unexpected } = compareWords(said, words);
    const sign = isEqual
      ? paint.green(demoNote.same)
      : paint.red(demoNote.differs(missing.length, unexpected.length));
    emit({ event: 'heard', who, equal: isEqual, ...lists(words) }, `${lines[place + 1]}   ${sign}`);
    return isEqual;
  });
  return verdicts.every((isEqual) => isEqual);
}

const lists = ({ mic, system }: SourceWords) => ({ mic: mic.join(' '), system: system.join(' ') });
