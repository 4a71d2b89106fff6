/** Made-up talk: partials that grow, and finals, in many meetings at a steady pace. */
import { setTimeout as delay } from 'node:timers/promises';
import { now } from './process.mjs';

const words =
  'so the plan for next week is that we move the budget to the new team and they tell us by Friday what it takes'.split(
    ' ',
  );

/** Stands before the microsecond at which a text was due; nothing else in an event holds one. */
export const mark = '@';

/**
 * Says partials in every meeting, `partialsPerSecond` each, and a final every `finalEveryMs`, for `ms`. Meetings are
 * out of step with each other, as they are in life. `say(meeting, isFinal, segment)` is what is measured: it counts
 * from the moment a text was due, so that a busy process cannot hide that it is late.
 */
export async function talk({ meetings, partialsPerSecond, finalEveryMs, ms }, say) {
  const perFinal = Math.round((finalEveryMs * partialsPerSecond) / 1_000);
  const speakers = Array.from({ length: meetings }, (_, meeting) => new Speaker(meeting, perFinal, say));
  const everyUs = 1e6 / partialsPerSecond / meetings;
  const count = Math.floor((ms * 1e3) / everyUs);
  await paced(count, everyUs, (index, dueUs) => speakers[index % meetings].next(dueUs));
}

/** Does something so many times, each when it is due, or at once if that is past. */
export async function paced(count, everyUs, act) {
  const begun = now();
  for (let index = 0; index < count; index += 1) {
    const dueUs = begun + index * everyUs;
    for (let waitUs = dueUs - now(); waitUs > 0; waitUs = dueUs - now())
      await delay(Math.max(1, Math.floor(waitUs / 1e3)));
    act(index, dueUs);
  }
}

class Speaker {
  #meeting;
  #perFinal;
  #say;
  #segmentNo = 1 + Math.floor(now()); // Of its own in every run.
  #spoken = 0;

  constructor(meeting, perFinal, say) {
    this.#meeting = meeting;
    this.#perFinal = perFinal;
    this.#say = say;
  }

  next(dueUs) {
    this.#spoken += 1;
    this.#say(this.#meeting, false, this.#segment(dueUs));
    if (this.#spoken < this.#perFinal) return;
    this.#say(this.#meeting, true, this.#segment(dueUs));
    this.#segmentNo += 1;
    this.#spoken = 0;
  }

  #segment(dueUs) {
    const said = words.slice(0, Math.ceil((this.#spoken / this.#perFinal) * words.length)).join(' ');
    const text = `${mark}${dueUs.toFixed(0)} ${said}`;
    return { segmentNo: this.#segmentNo, text, startMs: 1_000, endMs: 4_000 };
  }
}

/** A segment as a server says it that has no log. */
export const eventOf = (meeting, isFinal, { segmentNo, text, startMs, endMs }) => ({
  type: isFinal ? 'transcript.final' : 'transcript.partial',
  meeting_id: meetingId(meeting),
  ts: new Date().toISOString(),
  segment_no: segmentNo,
  start_ms: startMs,
  end_ms: endMs,
  text,
  meta: { source: 'mic', language: 'en' },
});

export const meetingId = (meeting) => `m-${meeting}`;
