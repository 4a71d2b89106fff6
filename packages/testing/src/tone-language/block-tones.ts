/** Says which word and speaker, if any, sound in one 10 ms block. */

import { speakerCount, speakerTonesHz, wordOfTones, wordTonesHz } from './tones.ts';

export interface BlockTones {
  /** Mean square of the samples, full scale = 1. */
  power: number;
  /** The part of that power in the three loudest tones, 0 to 1. */
  purity: number;
  /** Word and speaker as one number; undefined when the block is no clean burst. */
  symbol: number | undefined;
}

const symbolOf = (word: number, speaker: number): number => word * speakerCount + speaker;
export const wordOfSymbol = (symbol: number): number => Math.floor(symbol / speakerCount);
export const speakerOfSymbol = (symbol: number): number => symbol % speakerCount;

/**
 * White noise puts about a quarter of its power into the three loudest tones, a burst 10 dB above noise nine tenths.
 * Two bursts at once are at most six sevenths pure while their tones are balanced: both limits keep them from being
 * taken for a third word.
 */
const leastPurity = 0.87;
/** The three tones of a burst are equally loud; a lone sine or a chord of another make is not. */
const leastBalance = 0.4;
/** -70 dBFS: below this everything is silence. */
const leastPower = 1e-7;

const tonesHz = [...wordTonesHz, ...speakerTonesHz];

/** A function that analyses blocks of up to `longest` samples, each the mean of `decimation` samples. */
export function blockAnalyser(
  sampleRate: number,
  decimation: number,
  longest: number,
): (block: Float64Array) => BlockTones {
  const rate = sampleRate / decimation;
  const waves = tonesHz.map((hz) => waveTable(hz / rate, longest));
  const gains = tonesHz.map((hz) => averagingGain(hz / sampleRate, decimation));
  const powers = new Float64Array(tonesHz.length);
  return (block) => {
    const power = meanSquare(block);
    if (power < leastPower) return { power, purity: 0, symbol: undefined };
    for (const [tone, wave] of waves.entries()) powers[tone] = tonePower(block, wave);
    return { power, ...classify(powers, gains, power) };
  };
}

function classify(
  powers: Float64Array,
  gains: readonly number[],
  power: number,
): { purity: number; symbol: number | undefined } {
  const first = loudest(powers, 0, wordTonesHz.length, -1);
  const second = loudest(powers, 0, wordTonesHz.length, first);
  const pilot = loudest(powers, wordTonesHz.length, tonesHz.length, -1);
  const picked = [first, second, pilot];
  const purity = picked.reduce((sum, tone) => sum + (powers[tone] ?? 0), 0) / power;
  const even = picked.map((tone) => (powers[tone] ?? 0) / (gains[tone] ?? 1));
  const word = wordOfTones(first, second);
  const isBurst = purity >= leastPurity && Math.min(...even) >= leastBalance * Math.max(...even);
  const symbol = isBurst && word !== undefined ? symbolOf(word, pilot - wordTonesHz.length) : undefined;
  return { purity, symbol };
}

function loudest(powers: Float64Array, from: number, to: number, except: number): number {
  let best = from === except ? from + 1 : from;
  for (let tone = from; tone < to; tone++) {
    if (tone !== except && (powers[tone] ?? 0) > (powers[best] ?? 0)) best = tone;
  }
  return best;
}

interface Wave {
  cos: Float64Array;
  sin: Float64Array;
}

function waveTable(cyclesPerSample: number, samples: number): Wave {
  const angles = Float64Array.from({ length: samples }, (_, at) => 2 * Math.PI * cyclesPerSample * at);
  return { cos: angles.map(Math.cos), sin: angles.map(Math.sin) };
}

/** Power of one tone: that of the sine that fits the block best. */
function tonePower(block: Float64Array, { cos, sin }: Wave): number {
  let re = 0;
  let im = 0;
  for (let at = 0; at < block.length; at++) {
    const sample = block[at] as number;
    re += sample * (cos[at] as number);
    im += sample * (sin[at] as number);
  }
  return (2 * (re * re + im * im)) / (block.length * block.length);
}

/** Averaging neighbours weakens high tones; by how much, in power. */
function averagingGain(cyclesPerSample: number, decimation: number): number {
  const angle = Math.PI * cyclesPerSample;
  return (Math.sin(decimation * angle) / (decimation * Math.sin(angle))) ** 2;
}

function meanSquare(block: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < block.length; at++) sum += (block[at] as number) ** 2;
  return sum / block.length;
}
