/** What a command prints: results on stdout, words for people on stderr, JSON lines instead of results on request. */
import picocolors from 'picocolors';

type Paint = ReturnType<typeof picocolors.createColors>;

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
  /** A result: the event as a line of JSON, or else the text. Both go to stdout; no text, nothing. */
  emit(event: JsonEvent, text?: string): void;
  /** Words for people, on stderr. */
  say(text: string): void;
}

/** A stream that may be a terminal. */
interface Sink {
  write(text: string): unknown;
  isTTY?: boolean;
}

export interface OutputOptions {
  json: boolean;
  stdout: Sink;
  stderr: Sink;
  env: Readonly<Record<string, string | undefined>>;
}

export function createOutput({ json, stdout, stderr, env }: OutputOptions): Output {
  return {
    json,
    paint: picocolors.createColors(mayColour(stdout, env)),
    notePaint: picocolors.createColors(mayColour(stderr, env)),
    isLive: stderr.isTTY === true && env.TERM !== 'dumb',
    emit(event, text) {
      if (json) stdout.write(`${JSON.stringify(event)}\n`);
      else if (text !== undefined) stdout.write(`${text}\n`);
    },
    say(text) {
      stderr.write(`${text}\n`);
    },
  };
}

/** Colour is for terminals; `NO_COLOR` and `FORCE_COLOR` overrule (no-color.org, force-color.org). */
function mayColour(sink: Sink, env: OutputOptions['env']): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0';
  return sink.isTTY === true && env.TERM !== 'dumb';
}
