/** What a node that is gone had received of a source, and nobody has heard. */
import type { Source } from '@meetcast/protocol';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { Registry } from '../registry/registry.ts';
import { loggedOf, type Stretch } from '../transcription/already-said.ts';
import type { AudioLedger } from '../transcription/audio-ledger.ts';
import { positionElsewhere } from './audio-notes.ts';

interface Known {
  readonly log: TranscriptLog;
  readonly registry: Registry;
  readonly ledger: AudioLedger;
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
