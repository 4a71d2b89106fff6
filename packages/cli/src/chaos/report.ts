/** What people and scripts are told: each scenario as it goes and as it ended, and all of them at the end. */
import type { Act, Broken, ChaosRun, Played, Progress, Result } from '@meetcast/testing/chaos';
import type { Output } from '../output.ts';
import { chaosNote } from '../sentences.ts';
import { count, seconds, table } from '../show.ts';

type Results = ChaosRun['results'];
type Meeting = Parameters<NonNullable<Progress['moved']>>[2];

interface Showing {
  act: Act;
  meeting: Meeting;
}

const redrawMs = 250;

/** On a terminal a line for each scenario that is on; everywhere one for each that is over. */
export class Board {
  readonly #output: Output;
  readonly #showing = new Map<string, Showing>();
  readonly #redraw: NodeJS.Timeout | undefined;

  constructor(output: Output) {
    this.#output = output;
    if (output.isLive) this.#redraw = setInterval(() => this.#show(), redrawMs);
  }

  moved(name: string, act: Act | 'over', meeting: Meeting): void {
    if (act === 'over') this.#showing.delete(name);
    else this.#showing.set(name, { act, meeting });
    this.#show();
  }

  ended(name: string, result: Result): void {
    this.#output.emit(eventOf(name, result));
    this.#output.say(lineOf(name, result, this.#output));
  }

  close(): void {
    clearInterval(this.#redraw);
    this.#showing.clear();
    this.#show();
  }

  #show(): void {
    const { columns, notePaint, live } = this.#output;
    const lines = [...this.#showing].map(([name, { act, meeting }]) => {
      const words = meeting ? `: ${meeting.wordsSaid} said, ${meeting.wordsSeen} seen` : '';
      return notePaint.dim(`… ${name} ${act}${words}`.slice(0, columns));
    });
    live(lines);
  }
}

const isPlayed = (result: Result): result is Played => 'words' in result;

function eventOf(name: string, result: Result) {
  const event = { event: 'scenario', name, status: result.status };
  if (result.status === 'skipped') return { ...event, reason: chaosNote.lacks[result.lacks] };
  if (result.status === 'unfinished') return { ...event, reason: result.reason };
  if (!isPlayed(result)) return { ...event, problems: result.problems };
  const { words, missing, unexpected, timeErrorMs, gaps, recoveredMs, notes, problems } = result;
  return {
    ...event,
    words,
    lost: missing.length,
    twice: unexpected.length,
    gaps,
    time_error_ms: timeErrorMs === null ? null : Math.round(timeErrorMs),
    recovered_ms: recoveredMs === null ? null : Math.round(recoveredMs),
    missing,
    unexpected,
    notes,
    problems,
  };
}

function lineOf(name: string, result: Result, { notePaint: { dim, green, red, yellow } }: Output): string {
  switch (result.status) {
    case 'passed':
      return `${green('✓')} ${name} ${dim(`${count(result.words.said, 'word')}, ${recovery(result)}`)}`;
    case 'failed':
      return [`${red('✗')} ${name}`, ...faultsOf(result).map((line) => `    ${line}`)].join('\n');
    case 'skipped':
      return `${yellow('–')} ${name} skipped: ${chaosNote.lacks[result.lacks]}`;
    case 'unfinished':
      return `${yellow('–')} ${name} did not finish: ${result.reason}`;
  }
}

const recovery = ({ recoveredMs }: Played): string =>
  recoveredMs === null ? 'no words after the fault' : `words again after ${seconds(recoveredMs)}`;

/** Words shown of each kind; `--json` has all. */
const shownWords = 5;

function faultsOf(result: Played | Broken): string[] {
  if (!isPlayed(result)) return [...result.problems];
  const { missing, unexpected, problems } = result;
  const lost = missing.map(
    ({ source, place, word, from }) =>
      `word ${place} of ${source}, "${word}", was not ${from.join(', not ')}`,
  );
  const extra = unexpected.map(
    ({ source, place, word, from }) => `"${word}" after word ${place} of ${source} was ${from.join(', ')}`,
  );
  return [...shortened(lost), ...shortened(extra), ...problems];
}

const shortened = (lines: readonly string[]): string[] =>
  lines.length <= shownWords
    ? [...lines]
    : [...lines.slice(0, shownWords), `and ${lines.length - shownWords} more`];

/** A table of what was played, and below it what there is to say. */
export function textOf(results: Results): string {
  const head = ['scenario', 'said', 'stored', 'seen', 'lost', 'twice', 'gaps', 'off', 'recovered', ''];
  const rows = [...results].flatMap(([name, result]) => (isPlayed(result) ? [rowOf(name, result)] : []));
  const others = [...results].flatMap(([name, result]) =>
    remarksOn(result).map((text) => `${name}: ${text}`),
  );
  return [...(rows.length > 0 ? table([head, ...rows]) : []), ...others].join('\n');
}

function rowOf(name: string, played: Played) {
  const { words, missing, unexpected, gaps, timeErrorMs, recoveredMs, status } = played;
  const counts = [words.said, words.stored, words.seen, missing.length, unexpected.length, gaps];
  const off = timeErrorMs === null ? '–' : `${Math.round(timeErrorMs)} ms`;
  return [name, ...counts, off, recoveredMs === null ? 'never' : seconds(recoveredMs), status];
}

function remarksOn(result: Result): readonly string[] {
  if (result.status === 'skipped') return [`skipped, because ${chaosNote.lacks[result.lacks]}`];
  if (result.status === 'unfinished') return [`did not finish: ${result.reason}`];
  if (isPlayed(result)) return [...result.notes, ...result.problems.map((problem) => `failed: ${problem}`)];
  return result.problems.map((problem) => `failed: ${problem}`);
}

export function summaryOf(results: Results): Record<Result['status'], number> {
  const summary = { passed: 0, failed: 0, skipped: 0, unfinished: 0 };
  for (const { status } of results.values()) summary[status] += 1;
  return summary;
}
