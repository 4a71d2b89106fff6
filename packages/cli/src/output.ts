/** What a command prints: results on stdout, words for people on stderr, JSON lines instead of results on request. */
import picocolors from 'picocolors';
import { LiveBlock } from './live-block.ts';

export type Paint = ReturnType<typeof picocolors.createColors>;

/** One line of `--json`. */
interface JsonEvent {
  event: string;
  [field: string]: unknown;
}

export interface Output {
  readonly json: boolean;
  /** Colours of stdout; they do nothing unless it is a terminal. */
  readonly paint: Paint;
  /** Colours of stderr. */
  readonly notePaint: Paint;
  /** Whether lines on stderr may be rewritten in place. */
  readonly isLive: boolean;
  /** Characters of a line on stderr. */
  readonly columns: number;
  /** A result: the event as a line of JSON, or else the text. Both go to stdout; no text, nothing. */
  emit(event: JsonEvent, text?: string): void;
  /** Words for people, on stderr. */
  say(text: string): void;
  /** Lines that stay below everything else and replace those before; nothing unless `isLive`. None removes them. */
  live(lines: readonly string[]): void;
}

/** A stream that may be a terminal. */
interface Sink {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

export interface OutputOptions {
  json: boolean;
  stdout: Sink;
  stderr: Sink;
  env: Readonly<Record<string, string | undefined>>;
}

const defaultColumns = 80;

export function createOutput({ json, stdout, stderr, env }: OutputOptions): Output {
  const isLive = stderr.isTTY === true && env.TERM !== 'dumb';
  const block = new LiveBlock(stderr);
  return {
    json,
    paint: picocolors.createColors(mayColour(stdout, env)),
    notePaint: picocolors.createColors(mayColour(stderr, env)),
    isLive,
    get columns() {
      return stderr.columns ?? defaultColumns;
    },
    emit(event, text) {
      if (json) block.above(() => stdout.write(`${JSON.stringify(event)}\n`));
      else if (text !== undefined) block.above(() => stdout.write(`${text}\n`));
    },
    say(text) {
      block.above(() => stderr.write(`${text}\n`));
    },
    live(lines) {
      if (isLive) block.show(lines);
    },
  };
}

/** Colour is for terminals; `NO_COLOR` and `FORCE_COLOR` overrule (no-color.org, force-color.org). */
function mayColour(sink: Sink, env: OutputOptions['env']): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0';
  return sink.isTTY === true && env.TERM !== 'dumb';
}
