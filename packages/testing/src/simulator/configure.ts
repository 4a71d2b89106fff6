/** Answers `Configure`, which replaces the key terms of a running stream. */

import type { ControlAnswer } from './listen-messages.ts';
import { isNova3 } from './listen-settings.ts';
import type { StreamIdentity } from './results.ts';

const mostKeytermTokens = 500;

/** The tone language needs no key terms, so they are acknowledged and change nothing. */
export function answerConfigure(
  keyterms: string[] | undefined,
  { requestId, settings }: StreamIdentity,
): ControlAnswer {
  if (keyterms && !isNova3(settings.model)) {
    return {
      type: 'Error',
      variant: 'KeytermsNotSupported',
      code: 'KeytermsNotSupported',
      description: 'Keyterms are only supported for Nova-3.',
      message: `the model of this stream is ${settings.model}`,
    };
  }
  const tokens = (keyterms ?? []).flatMap((term) => term.split(/\s+/u)).length;
  if (tokens > mostKeytermTokens) {
    const message = `Keyterm limit exceeded. The maximum number of tokens across all keyterms is ${mostKeytermTokens}.`;
    return { type: 'ConfigureFailure', request_id: requestId, message };
  }
  return { type: 'ConfigureSuccess', request_id: requestId, keyterms: keyterms ?? [] };
}
