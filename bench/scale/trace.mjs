/** Notes when entries pass the store and the bus of a hub. */
import { now } from './process.mjs';

export class Trace {
  #appended = new Map();
  #published = new Map();
  #heard = new Map();

  /** The same parts, listened to. */
  around({ store, bus, ...parts }) {
    return {
      ...parts,
      ...(store ? { store: this.#store(store) } : {}),
      ...(bus ? { bus: this.#bus(bus) } : {}),
    };
  }

  /** Microseconds by `meeting/seq`, since it was last asked. */
  take() {
    const taken = { appended: this.#appended, published: this.#published, heard: this.#heard };
    this.#appended = new Map();
    this.#published = new Map();
    this.#heard = new Map();
    return taken;
  }

  #store(inner) {
    return instead(inner, {
      append: async (meeting, entry, options) => {
        const logged = await inner.append(meeting, entry, options);
        this.#appended.set(`${meeting.id}/${logged.event.seq}`, now());
        return logged;
      },
    });
  }

  #bus(inner) {
    return instead(inner, {
      publish: (meeting, bytes) => {
        this.#published.set(`${meeting.id}/${seqIn(bytes)}`, now());
        return inner.publish(meeting, bytes);
      },
      subscribe: (meeting, listener) =>
        inner.subscribe(meeting, (bytes) => {
          this.#heard.set(`${meeting.id}/${seqIn(bytes)}`, now());
          listener(bytes);
        }),
    });
  }
}

/** As the line before the text has it: `meetcast/1 <node> <epoch> <seq> …`. */
const seqIn = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, 256).toString('latin1').split(' ')[3];

/** An object that is another one, but for these methods. */
const instead = (inner, methods) =>
  new Proxy(inner, {
    get(target, name) {
      if (name in methods) return methods[name];
      const value = target[name];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
