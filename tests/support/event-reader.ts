/** A reader of Server-Sent Events who knows the standard and not the hub. */
import { decodeSubscriberDownstream, type SubscriberDownstream } from '@meetcast/protocol';

export interface ServerSentEvent {
  readonly id: string | undefined;
  readonly message: SubscriberDownstream;
}

export class EventReader {
  readonly events: ServerSentEvent[] = [];
  readonly comments: string[] = [];
  /** Fields that must not be there, and messages that are none. */
  readonly strays: string[] = [];
  /** Resolves when the stream is over: whole, or broken off. */
  readonly ended: Promise<'whole' | 'broken'>;
  readonly #body: ReadableStreamDefaultReader<Uint8Array>;
  readonly #checks = new Set<() => void>();
  #isOver = false;

  constructor(body: ReadableStream<Uint8Array>) {
    this.#body = body.getReader();
    this.ended = this.#read();
  }

  get last(): string | undefined {
    return this.events.findLast(({ id }) => id !== undefined)?.id;
  }

  get seqs(): number[] {
    return this.events.flatMap(({ message }) =>
      message.type !== 'connected' && 'seq' in message && message.seq !== undefined ? [message.seq] : [],
    );
  }

  of<Type extends SubscriberDownstream['type']>(type: Type) {
    return this.events.flatMap(({ message }) =>
      message.type === type ? [message as Extract<SubscriberDownstream, { type: Type }>] : [],
    );
  }

  /** Resolves when what came is as wanted; rejects when the stream is over before. */
  async until<T>(find: (reader: EventReader) => T | undefined | false): Promise<T> {
    for (;;) {
      const found = find(this);
      if (found !== undefined && found !== false) return found;
      if (this.#isOver) throw new Error(`the stream ended: ${JSON.stringify(this.events.at(-1))}`);
      await new Promise<void>((resolve) => this.#checks.add(resolve));
    }
  }

  /** Leaves in the middle. */
  async leave(): Promise<void> {
    await this.#body.cancel().catch(() => {});
  }

  async #read(): Promise<'whole' | 'broken'> {
    const decoder = new TextDecoder();
    let text = '';
    let how: 'whole' | 'broken' = 'whole';
    try {
      for (;;) {
        const { done, value } = await this.#body.read();
        if (done) break;
        text += decoder.decode(value, { stream: true });
        const blocks = text.split('\n\n');
        text = blocks.pop() ?? '';
        for (const block of blocks) this.#take(block);
        this.#tell();
      }
    } catch {
      how = 'broken';
    }
    this.#isOver = true;
    this.#tell();
    return how;
  }

  #take(block: string): void {
    let id: string | undefined;
    const data: string[] = [];
    for (const line of block.split('\n')) {
      const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
      if (field === '') this.comments.push(value);
      else if (field === 'id') id = value;
      else if (field === 'data') data.push(value);
      else this.strays.push(line);
    }
    if (data.length === 0) return;
    const decoded = decodeSubscriberDownstream(data.join('\n'));
    if (decoded.ok) this.events.push({ id, message: decoded.message });
    else this.strays.push(`${decoded.problem}: ${data.join('\n')}`);
  }

  #tell(): void {
    const checks = [...this.#checks];
    this.#checks.clear();
    for (const check of checks) check();
  }
}
