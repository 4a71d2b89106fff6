/** Where one sender's conversation stands. */
import type { IngestUpstream, Source } from '@meetcast/protocol';
import type { AudioIntake } from './audio-intake.ts';
import type { Ending } from './ending.ts';
import type { Holding, Run } from './run.ts';

/*
 *   awaiting-handshake ─▶ claiming ─▶ opening ─▶ streaming ─▶ finishing
 *          └─────────────────┴───────────┴──────────┴────────────┴──▶ closed
 *
 * A sender that vanishes goes to `finishing` too: what it sent is still heard out and stored.
 */
export type State =
  | { readonly name: 'awaiting-handshake'; readonly deadline: NodeJS.Timeout | undefined }
  | { readonly name: 'claiming'; readonly abort: AbortController; readonly early: Early }
  | {
      readonly name: 'opening';
      readonly source: Source;
      readonly holding: Holding;
      readonly abort: AbortController;
      readonly early: Early;
    }
  | {
      readonly name: 'streaming';
      readonly run: Run;
      readonly acks: NodeJS.Timeout;
      readonly intake: AudioIntake;
    }
  | { readonly name: 'finishing'; readonly run: Run; readonly ending: Ending; readonly watch: NodeJS.Timeout }
  | { readonly name: 'closed'; readonly claim: 'released' | 'vacant' };

/** What a sender may say after its handshake, beside audio. */
export type Control = Exclude<IngestUpstream, { type: 'handshake' | 'auth' | 'ping' }>;

/** What was already read when the sender was asked to wait. */
export type Early = (Uint8Array | Control)[];

/** Its last words were on their way when the node had to go. */
export const isLeaving = (state: State): boolean => state.name === 'finishing' && state.ending === 'restart';
