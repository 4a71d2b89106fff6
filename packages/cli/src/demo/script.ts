/** What is said in the demo's meeting, by whom and when: a launch, planned in English and Turkish. */
import { type Source, sources } from '@meetcast/protocol';
import { speakStream, toneTiming, wordsOf } from '@meetcast/testing';
import type { SourceWords } from '@meetcast/testing/chaos';
import type { PcmFormat } from '../wav-writer.ts';

interface Turn {
  source: Source;
  speaker: number;
  text: string;
  /** Silence before it; below zero, it begins while the turn before goes on. */
  pauseMs: number;
}

/** One speaker in the room, two at the other end of the call. */
const turns: readonly Turn[] = [
  { source: 'mic', speaker: 0, pauseMs: 300, text: 'Good morning all, welcome to the launch meeting.' },
  { source: 'system', speaker: 1, pauseMs: 400, text: 'Hello, we are ready, the microphone is live.' },
  { source: 'mic', speaker: 0, pauseMs: 400, text: 'First item: the budget for the next quarter.' },
  { source: 'system', speaker: 2, pauseMs: 400, text: 'Önemli: bütçe değil, müşteri için çözüm.' },
  { source: 'mic', speaker: 0, pauseMs: 300, text: 'Right, the customer should decide on Friday.' },
  {
    source: 'system',
    speaker: 1,
    pauseMs: 400,
    text: 'We can ship the release on Thursday, and the demo is done.',
  },
  { source: 'mic', speaker: 0, pauseMs: -600, text: 'Great! Who will write the report?' },
  { source: 'system', speaker: 2, pauseMs: 300, text: 'Yarın üç görüşme, dört görev.' },
  { source: 'system', speaker: 1, pauseMs: 500, text: 'We will send the summary by email today.' },
  { source: 'mic', speaker: 0, pauseMs: 300, text: 'Any question about the risk or the cost?' },
  { source: 'system', speaker: 1, pauseMs: -900, text: 'No, the plan is good, let us begin.' },
  { source: 'mic', speaker: 0, pauseMs: 300, text: 'Thank you all, teşekkürler, see you on Monday.' },
];

/** A turn with its place on the meeting's clock. */
interface Cue extends Turn {
  words: readonly string[];
  startMs: number;
  endMs: number;
}

const cues = schedule(turns);
const tailMs = 600;

export const meetingMs: number = Math.max(...cues.map(({ endMs }) => endMs)) + tailMs;

const wordsBy = (source: Source): string[] =>
  cues.flatMap((cue) => (cue.source === source ? [...cue.words] : []));

export const said: SourceWords = { mic: wordsBy(sources[0]), system: wordsBy(sources[1]) };

function schedule(all: readonly Turn[]): Cue[] {
  let atMs = 0;
  return all.map((turn) => {
    const words = wordsOf(turn.text);
    const startMs = atMs + turn.pauseMs;
    const endMs = startMs + words.length * (toneTiming.wordMs + toneTiming.gapMs);
    atMs = endMs;
    return { ...turn, words, startMs, endMs };
  });
}

/** A source's audio from the meeting's first moment to its last: its turns, and silence while others speak. */
export function* audioOf(source: Source, format: PcmFormat): Generator<Buffer> {
  let atMs = 0;
  for (const { words, speaker, startMs, endMs } of cues.filter((cue) => cue.source === source)) {
    yield silence(startMs - atMs, format);
    const tones = words.map((word) => ({ word, speaker }));
    yield* speakStream(tones, { ...format, leadMs: 0, tailMs: 0 });
    atMs = endMs;
  }
  yield silence(meetingMs - atMs, format);
}

const silence = (ms: number, { sampleRate, channels }: PcmFormat): Buffer =>
  Buffer.alloc(Math.round((ms * sampleRate) / 1000) * channels * 2);
