/** How far a sender has got: a bar on a terminal, a line now and then elsewhere, events for scripts. */
import { MultiBar, type SingleBar } from 'cli-progress';
import type { Output } from './output.ts';
import { sendNote } from './sentences.ts';
import { clock, count } from './show.ts';

export interface Progress {
  /** Milliseconds of the speech. */
  sentMs: number;
  storedMs: number;
  /** The same on the meeting's clock, as the hub last said. */
  receivedMs: number;
  durableMs: number;
  words: number;
}

export interface ProgressDisplay {
  moved(progress: Progress): void;
  /** The hub has said how far it is. */
  acknowledged(progress: Progress): void;
  /** Words for people, which must not run into a bar. */
  note(text: string): void;
  stop(): void;
}

/** `durationMs` is undefined when only the end of the audio will tell. */
export function progressDisplay(output: Output, durationMs: number | undefined): ProgressDisplay {
  if (output.json) return events(output, durationMs);
  return output.isLive ? bar(output, durationMs) : lines(output, durationMs);
}

function events({ emit, say }: Output, durationMs: number | undefined): ProgressDisplay {
  return {
    moved: () => {},
    acknowledged: ({ sentMs, storedMs, receivedMs, durableMs, words }) =>
      emit({
        event: 'progress',
        sent_ms: Math.round(sentMs),
        stored_ms: Math.round(storedMs),
        received_ms: receivedMs,
        durable_ms: durableMs,
        duration_ms: durationMs ?? null,
        words,
      }),
    note: say,
    stop: () => {},
  };
}

const lineEveryMs = 10_000;

function lines({ say }: Output, durationMs: number | undefined): ProgressDisplay {
  let saidAt = performance.now();
  return {
    moved: () => {},
    acknowledged: (progress) => {
      if (performance.now() - saidAt < lineEveryMs) return;
      saidAt = performance.now();
      const total = durationMs === undefined ? '' : ` of ${clock(durationMs)}`;
      say(sendNote.progress(clock(progress.sentMs), total, figures(progress)));
    },
    note: say,
    stop: () => {},
  };
}

const figures = ({ storedMs, words }: Pick<Progress, 'storedMs' | 'words'>): string =>
  `${clock(storedMs)} stored, ${count(words, 'word')}`;

/** The bar's own width, and what stands beside it. */
const besideBar = 52;
const widestBar = 40;

function bar({ columns, notePaint }: Output, durationMs: number | undefined): ProgressDisplay {
  const barsize = Math.max(8, Math.min(widestBar, columns - besideBar));
  const share = durationMs === undefined ? '' : `${notePaint.cyan('{bar}')} {percentage}%  `;
  const bars = new MultiBar({
    format: `${share}{position}  ${notePaint.dim('{figures}')}`,
    barsize,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    gracefulExit: false,
  });
  const total = durationMs ?? 0;
  const one: SingleBar = bars.create(total, 0, payload({ sentMs: 0, storedMs: 0, words: 0 }));
  const update = (progress: Progress) => one.update(Math.min(total, progress.sentMs), payload(progress));
  function payload(progress: Pick<Progress, 'sentMs' | 'storedMs' | 'words'>) {
    const of = durationMs === undefined ? '' : `/${clock(durationMs)}`;
    return { position: `${clock(progress.sentMs)}${of}`, figures: figures(progress) };
  }
  return {
    moved: update,
    acknowledged: update,
    note: (text) => bars.log(`${text}\n`),
    stop: () => bars.stop(),
  };
}
