/** How much of a meeting's audio was heard, and what of a source was received and never heard. */
import type { Source } from '@meetcast/protocol';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { Registry } from '../registry/registry.ts';
import { loggedOf, type Stretch } from '../transcription/already-said.ts';
import type { AudioLedger } from '../transcription/audio-ledger.ts';
import { heardOf, positionElsewhere } from './audio-notes.ts';

interface Known {
  readonly log: TranscriptLog;
  readonly registry: Registry;
  readonly ledger: AudioLedger;
}

/** How much of each source was received, how much of that reached the recognizer, and how much has its words stored. */
export async function coverageOf({ ledger, registry, log }: Known, epoch: string) {
  const { elsewhere } = await registry.counts(log.meeting);
  const heard = heardOf(ledger, log.meeting, epoch, elsewhere);
  return Object.fromEntries(
    Object.entries(heard).map(([source, { receivedMs, forwardedMs, coveredMs }]) => [
      source,
      {
        received_ms: Math.floor(receivedMs),
        forwarded_ms: Math.floor(forwardedMs),
        covered_ms: Math.floor(coveredMs),
      },
    ]),
  );
}

/**
 * What any node is known to have received of a source, behind what is covered, and has neither words nor a gap. Nodes
 * tell each other every second; of one that told nothing, nothing is known.
 */
export async function unheardOf({ log, registry, ledger }: Known, source: Source): Promise<Stretch[]> {
  const [coveredMs, { epoch, seq }, { elsewhere }] = await Promise.all([
    log.covered(source),
    log.settledHead(),
    registry.counts(log.meeting),
  ]);
  const here = ledger.of(log.meeting).get(source);
  const hereMs = here?.epoch === epoch ? here.received.positionMs : 0;
  const toMs = Math.floor(Math.max(hereMs, positionElsewhere(elsewhere, epoch, source)));
  if (toMs <= coveredMs) return [];
  const { alreadySaid } = await loggedOf(log, source, coveredMs, seq);
  return alreadySaid.missingFrom(coveredMs, toMs);
}
