/** What Deepgram answers to the audio of one stream: bytes in, messages out, no clock but the audio's own. */

import { createHash } from 'node:crypto';
import { ChannelTimeline, type Hearing, type Told } from '../tone-language/channel-timeline.ts';
import { type HeardWord, ToneDecoder } from '../tone-language/tone-decoder.ts';
import type { TranscriberMessage } from './listen-messages.ts';
import { messageOf, metadataOf, type StreamIdentity } from './results.ts';

interface Channel {
  decoder: ToneDecoder;
  timeline: ChannelTimeline;
  /** Heard since the last step. */
  words: HeardWord[];
}

/** The rules are looked at this often, however the bytes arrive: answers depend on the audio alone. */
const stepSeconds = 0.02;

export class Transcriber {
  readonly #stream: StreamIdentity;
  readonly #created: string;
  readonly #channels: Channel[];
  readonly #frameBytes: number;
  readonly #sha256 = createHash('sha256');
  #bytes = 0;
  #steps = 0;

  constructor(stream: StreamIdentity, created: string) {
    const { sampleRate, channels, multichannel } = stream.settings;
    const heard = multichannel ? Array.from({ length: channels }, (_, channel) => ({ channel })) : [{}];
    this.#stream = stream;
    this.#created = created;
    this.#frameBytes = 2 * channels;
    this.#channels = heard.map((only) => ({
      decoder: new ToneDecoder({ sampleRate, channels, ...only }),
      timeline: new ChannelTimeline(stream.settings),
      words: [],
    }));
  }

  /** Seconds of audio so far: counted from the bytes, never from a clock. */
  get seconds(): number {
    return this.secondsOf(this.#bytes);
  }

  secondsOf(bytes: number): number {
    return bytes / this.#frameBytes / this.#stream.settings.sampleRate;
  }

  hear(audio: Uint8Array): TranscriberMessage[] {
    this.#sha256.update(audio);
    const messages: TranscriberMessage[] = [];
    let rest = audio;
    while (rest.length > 0) {
      const piece = rest.subarray(0, this.#nextStepBytes() - this.#bytes);
      rest = rest.subarray(piece.length);
      this.#bytes += piece.length;
      const isStep = this.#bytes === this.#nextStepBytes();
      for (const { decoder, words } of this.#channels) words.push(...decoder.write(piece));
      if (!isStep) continue;
      this.#steps++;
      messages.push(...this.#step());
    }
    return messages;
  }

  /** Of all channels, or of one. */
  finalize(only?: number): TranscriberMessage[] {
    return this.#channels.flatMap((channel, index) => {
      if (only !== undefined && only !== index) return [];
      return this.#messages(channel.timeline.finalize(this.#hearing(channel)), index);
    });
  }

  /** The last results of every channel, then the summary. */
  finish(): TranscriberMessage[] {
    const last = this.#channels.flatMap(({ decoder, timeline, words }, index) =>
      this.#messages(timeline.finish(this.seconds, [...words.splice(0), ...decoder.end()]), index),
    );
    const summary = {
      sha256: this.#sha256.digest('hex'),
      created: this.#created,
      seconds: this.seconds,
      // A stream without audio was seen to be summed up as zero channels.
      channels: this.#bytes > 0 ? this.#stream.settings.channels : 0,
    };
    return [...last, metadataOf(this.#stream, summary)];
  }

  #step(): TranscriberMessage[] {
    return this.#channels.flatMap((channel, index) =>
      this.#messages(channel.timeline.hear(this.#hearing(channel)), index),
    );
  }

  #hearing({ decoder, words }: Channel): Hearing {
    const { settledSeconds, speakingSince } = decoder;
    return { now: this.seconds, settled: settledSeconds, speakingSince, words: words.splice(0) };
  }

  #messages(told: Told[], index: number): TranscriberMessage[] {
    return told.map((one) => messageOf(one, this.#stream, index, this.#channels.length));
  }

  #nextStepBytes(): number {
    const samples = Math.round((this.#steps + 1) * stepSeconds * this.#stream.settings.sampleRate);
    return samples * this.#frameBytes;
  }
}
