/** Which exit code stands for which failure of a link, a publisher or an answer. */
import { closePolicy, Problem } from '@meetcast/protocol';
import { CliError, messageOf, systemCode } from './exit.ts';

/** How a link ended, or why it is not there yet. */
export interface Loss {
  /** Of the hub's close; a link that broke without one has 1006, or none. */
  code?: number;
  reason?: string;
}

const refusedWords: ReadonlySet<string> = new Set(['auth_failed', 'token_expired', 'forbidden']);

export const isRefusal = ({ code }: Loss): boolean =>
  code !== undefined && refusedWords.has(closePolicy(code).word);

/** The error for a link that never came to be. */
export function connectFailure(url: string, loss: Loss): CliError {
  if (closePolicy(loss.code ?? 1006).word === 'lost') return unreachable(url, loss.reason ?? 'no answer');
  return linkFailure(loss);
}

/** The error for a link that the hub has ended, in the hub's own words. */
export function linkFailure(loss: Loss): CliError {
  const reason = loss.reason ?? 'the connection was closed';
  if (isRefusal(loss)) return refused(reason);
  return new CliError('failed', `the hub ended the connection: ${reason}`, adviceOf(loss));
}

const refused = (reason: string): CliError =>
  new CliError('refused', `the hub refused: ${reason}`, 'Check --token, --secret and the role of the token.');

const unreachable = (url: string, reason: string): CliError =>
  new CliError(
    'unreachable',
    `cannot connect to ${url}: ${reason}`,
    'Check --url and that a hub listens there; `meetcast serve` starts one.',
  );

const advice: Readonly<Record<string, string>> = {
  ingest_exists: 'Stop the other sender, or send another --source.',
  connection_limit: 'Wait until a viewer leaves, or raise MAX_WS_CLIENTS_PER_MEETING of the hub.',
  recognizer_unavailable: 'The hub cannot reach its recognizer: see the hub’s log.',
  too_large: 'Pass a smaller --chunk-size.',
};

const adviceOf = ({ code }: Loss): string | undefined =>
  code === undefined ? undefined : advice[closePolicy(code).word];

/** The error for an HTTP answer that is none. */
export async function answerFailure(response: Response): Promise<CliError> {
  const problem = Problem.safeParse(await response.json().catch(() => undefined));
  const detail = problem.success ? problem.data.detail : `it answered ${response.status}`;
  if (response.status === 401 || response.status === 403) return refused(detail);
  if (response.status === 400) return new CliError('usage', `the hub does not take this: ${detail}`);
  const next = problem.success ? undefined : 'Check --url: what answers there may not be a hub.';
  return new CliError('failed', `the hub did not do it: ${detail}`, next);
}

/** The error for an HTTP request that got no answer. `fetch` hides the reason in the cause. */
export function requestFailure(url: string, error: unknown): CliError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return unreachable(url, messageOf(cause) || (systemCode(cause) ?? 'no answer'));
}

/** What the developer of a program would have done wrong is, at a terminal, a wrong command line. */
export function asUsage<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof TypeError) throw new CliError('usage', error.message);
    throw error;
  }
}
