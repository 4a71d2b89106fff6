/** Which exit code stands for which failure of a link, a publisher or an answer. */
import { closePolicy, Problem } from '@meetcast/protocol';
import { CliError, messageOf, systemCode } from './exit.ts';
import { closeAdvice, hubProblem } from './sentences.ts';

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
  if (closePolicy(loss.code ?? 1006).word === 'lost')
    return unreachable(url, loss.reason ?? hubProblem.noAnswer);
  return linkFailure(loss);
}

/** The error for a link that the hub has ended, in the hub's own words. */
export function linkFailure(loss: Loss): CliError {
  const reason = loss.reason ?? hubProblem.noReason;
  if (isRefusal(loss)) return refused(reason);
  return new CliError('failed', hubProblem.closed(reason), adviceOf(loss));
}

const refused = (reason: string): CliError => new CliError('refused', ...hubProblem.accessDenied(reason));

const unreachable = (url: string, reason: string): CliError =>
  new CliError('unreachable', ...hubProblem.unreachable(url, reason));

const adviceOf = ({ code }: Loss): string | undefined =>
  code === undefined ? undefined : closeAdvice[closePolicy(code).word];

/** The error for an HTTP answer that is none. */
export async function answerFailure(response: Response): Promise<CliError> {
  const problem = Problem.safeParse(await response.json().catch(() => undefined));
  const { status } = response;
  const detail = problem.success ? problem.data.detail : undefined;
  if (status === 401 || status === 403) return refused(detail ?? hubProblem.noReason);
  const exit = status === 400 ? 'usage' : 'failed';
  if (detail === undefined) return new CliError(exit, ...hubProblem.noProblem(status));
  return new CliError(exit, hubProblem.requestFailed(status, detail));
}

/** The error for an HTTP request that got no answer. `fetch` hides the reason in the cause. */
export function requestFailure(url: string, error: unknown): CliError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return unreachable(url, messageOf(cause) || (systemCode(cause) ?? hubProblem.noAnswer));
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
