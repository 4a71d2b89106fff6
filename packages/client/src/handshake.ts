/** What a publisher says first, from its options. */
import { type Handshake, type Source, sources } from '@meetcast/protocol';
import { integer, matching, oneOf } from './check.ts';
import type { PublishOptions } from './publisher.ts';

/** A publisher leaves nothing of its audio's format to a hub's defaults. */
export type CompleteHandshake = Handshake & { source: Source; sample_rate: number; channels: number };

export function handshakeOf(options: PublishOptions, sessionId: string): CompleteHandshake {
  const { language, aiMode, deviceId, title } = options;
  return {
    type: 'handshake',
    source: oneOf('source', options.source, sources),
    sample_rate: integer('sampleRate', options.sampleRate ?? 48_000, 8_000, 192_000),
    channels: integer('channels', options.channels ?? 1, 1, 8),
    encoding: 'linear16',
    session_id: sessionId,
    ...(language !== undefined && { language: checkedLanguage(language) }),
    ...(aiMode !== undefined && { ai_mode: oneOf('aiMode', aiMode, ['standard', 'super'] as const) }),
    ...(deviceId !== undefined && { device_id: deviceId }),
    ...(title !== undefined && { title }),
  };
}

const checkedLanguage = (language: string): string =>
  matching('language', language, /^[A-Za-z0-9-]{2,35}$/, 'a language tag such as "en", or "auto"');
