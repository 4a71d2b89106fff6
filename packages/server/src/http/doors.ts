/** The ways into a hub: requests, upgrades, and the servers that it was attached to. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import packageJson from '../../package.json' with { type: 'json' };
import { SlidingWindow } from '../lib/rate-limit.ts';
import { type Attachable, attach } from './attach.ts';
import type { RestContext } from './endpoint.ts';
import type { HubRequest } from './exchange.ts';
import { fromNode, fromWeb, targetText, toNode, toWeb } from './node.ts';
import { answer } from './rest.ts';
import { isOwnPath, targetOf } from './routes.ts';
import { type UpgradeContext, Upgrades } from './websocket.ts';

export interface DoorsContext extends Omit<UpgradeContext, 'connects'> {
  /** What answers are made of now. */
  rest(): Omit<RestContext, 'version' | 'isClosing'>;
}

export class Doors implements Attachable {
  readonly #context: DoorsContext;
  readonly #upgrades: Upgrades;
  readonly #detach = new Set<() => void>();
  readonly #answers = new Set<Promise<void>>();

  constructor(context: DoorsContext) {
    const { connectsPerWindow, connectWindowMs } = context.limits;
    this.#context = context;
    this.#upgrades = new Upgrades({
      ...context,
      connects: new SlidingWindow(connectsPerWindow, connectWindowMs),
    });
  }

  attach(server: Server): () => void {
    const undo = attach(server, this);
    const detach = () => {
      undo();
      this.#detach.delete(detach);
    };
    this.#detach.add(detach);
    return detach;
  }

  ownsRequest(request: IncomingMessage): boolean {
    return isOwnPath(targetOf(targetText(request)).path, this.#context.basePath);
  }

  async handleRequest(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const answered = await this.#answer(fromNode(request, response));
    if (!answered) return false;
    const sent = toNode(answered, request, response);
    this.#answers.add(sent);
    try {
      await sent;
    } catch {
      response.destroy(); // The client left in the middle, or the answer broke off: it must not look whole.
    } finally {
      this.#answers.delete(sent);
    }
    return true;
  }

  handleUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): boolean {
    return this.#upgrades.handle(request, stream, head);
  }

  async fetch(request: Request): Promise<Response | undefined> {
    const answered = await this.#answer(fromWeb(request));
    return answered && toWeb(answered, request);
  }

  /** The ends of what goes through them at the moment: links, and answers on their way. */
  get ends(): Promise<void>[] {
    return [...this.#upgrades.ends, ...this.#answers];
  }

  /** Answers nothing more, and ends every link at once. */
  close(): void {
    for (const detach of this.#detach) detach();
    this.#upgrades.terminate();
  }

  #answer(request: HubRequest) {
    const { version } = packageJson;
    return answer(request, this.#context, {
      ...this.#context.rest(),
      version,
      isClosing: this.#context.isDraining(),
    });
  }
}
