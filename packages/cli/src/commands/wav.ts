/** `meetcast wav`: a WAV file of known words, or of a tone. */
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { CliError, messageOf } from '../exit.ts';
import { addExamples } from '../help.ts';
import { audioProblem } from '../sentences.ts';
import { sine } from '../sine.ts';
import { duration, number, wholeNumber } from '../values.ts';
import { type PcmFormat, writeWav } from '../wav-writer.ts';

interface WavFlags extends PcmFormat {
  out: string;
  text?: string;
  words?: number;
  seed: number;
  frequency?: number;
  duration: number;
}

/** What the file will hold; a tone has no text. */
interface Content {
  text?: string;
  pcm: Iterable<Buffer>;
}

export function registerWav(program: Command, context: Context): void {
  const command = program
    .command('wav')
    .description('Create a WAV file: words that the simulator understands, or a plain tone.')
    .requiredOption('--out <file>', 'file to write; - is stdout')
    .addOption(new Option('--text <words>', 'words to say').conflicts(['words', 'frequency']))
    .addOption(
      new Option('--words <n>', 'number of random words to say')
        .argParser(wholeNumber(1))
        .conflicts('frequency'),
    )
    .addOption(new Option('--seed <n>', 'seed of the random words').argParser(wholeNumber(0)).default(1))
    .addOption(new Option('--frequency <hz>', 'frequency of a sine tone').argParser(number()))
    .addOption(new Option('--duration <duration>', 'length of the tone').argParser(duration).default(5, '5s'))
    .addOption(
      new Option('--sample-rate <hz>', 'samples per second')
        .argParser(wholeNumber(8000, 192_000))
        .default(16_000),
    )
    .addOption(
      new Option('--channels <n>', 'number of channels, all with the same audio')
        .argParser(wholeNumber(1, 8))
        .default(1),
    )
    .action((flags: WavFlags) => wav(flags, context));
  addExamples(command, [
    ['known words; the text is on stdout', 'meetcast wav --out hello.wav --text "hello hello thank you"'],
    [
      'an hour of words that a script can compare',
      'meetcast wav --out hour.wav --words 12000 --seed 7 > hour.txt',
    ],
    [
      'a tone for a level meter',
      'meetcast wav --out a4.wav --frequency 440 --duration 10s --sample-rate 48000',
    ],
  ]);
}

async function wav(flags: WavFlags, { output }: Context): Promise<void> {
  const { out, sampleRate, channels } = flags;
  const { text, pcm } = await contentOf(flags);
  const audioBytes = await writeWav(out, { sampleRate, channels }, pcm);
  const seconds = audioBytes / (2 * channels * sampleRate);
  const about = `${out}: ${seconds.toFixed(2)} s, ${sampleRate} Hz, ${channels} channel(s)`;
  // With the audio itself on stdout, words there would spoil it.
  if (out !== '-')
    output.emit(
      {
        event: 'wav',
        file: out,
        duration_seconds: seconds,
        sample_rate: sampleRate,
        channels,
        ...(text === undefined ? {} : { text }),
      },
      text,
    );
  output.say(out === '-' && text !== undefined ? text : about);
}

async function contentOf(flags: WavFlags): Promise<Content> {
  const { text, words: count, frequency } = flags;
  if (frequency !== undefined) return toneOf(flags, frequency);
  if (text === undefined && count === undefined) throw new CliError('usage', ...audioProblem.nothingToPutIn);
  const { randomWords, speakStream } = await import('@meetcast/testing');
  const words = text === undefined ? randomWords(count ?? 0, flags.seed) : await wordsIn(text);
  const pcm = speakStream(
    words.map((word) => ({ word })),
    flags,
  );
  return { text: words.join(' '), pcm };
}

async function wordsIn(text: string): Promise<string[]> {
  const { wordsOf } = await import('@meetcast/testing');
  try {
    const words = wordsOf(text);
    if (words.length > 0) return words;
  } catch (error) {
    throw new CliError('usage', ...audioProblem.notSayable(messageOf(error)));
  }
  throw new CliError('usage', ...audioProblem.noWords);
}

function toneOf(flags: WavFlags, frequency: number): Content {
  const { sampleRate, channels, duration: seconds } = flags;
  if (frequency >= sampleRate / 2) {
    throw new CliError('usage', ...audioProblem.frequencyTooHigh(frequency, sampleRate));
  }
  return { pcm: sine({ sampleRate, channels }, frequency, seconds) };
}
