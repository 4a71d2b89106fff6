/** How a command ends: the exit codes, and the error that names one and says what to do next. */
import { hubProblem } from './sentences.ts';

/** What scripts may rely on. */
export const exitCodes = {
  done: 0,
  failed: 1,
  /** The command line, a variable or `.env` is wrong. */
  usage: 2,
  /** The hub does not accept the token, or not for this. */
  refused: 3,
  /** Nobody answers there. */
  unreachable: 4,
  timedOut: 5,
} as const;

export type ExitWord = keyof typeof exitCodes;

/** Why a command could not do its work, in a sentence for people. */
export class CliError extends Error {
  readonly exit: Exclude<ExitWord, 'done'>;
  /** What to do about it. */
  readonly next: string | undefined;

  constructor(exit: Exclude<ExitWord, 'done'>, message: string, next?: string) {
    super(/[.!?…)]$/.test(message) ? message : `${message}.`);
    this.name = 'CliError';
    this.exit = exit;
    this.next = next;
  }
}

/** The sentence of whatever was thrown. */
export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);

/** The system's word for what went wrong, such as `ENOENT`. */
export function systemCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

/** Why something that should answer does not. A refused connection has no sentence of its own. */
export const whyAway = (thrown: unknown): string =>
  messageOf(thrown) || (systemCode(thrown) ?? hubProblem.noAnswer);
