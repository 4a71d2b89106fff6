/** Plays scenarios, some at a time: all on one hub, or each on a hub of its own. */
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { CliError, messageOf } from '../exit.ts';
import type { Hub } from '../hub-options.ts';
import { storedFinals } from '../hub-request.ts';
import type { Output } from '../output.ts';
import { ageingToken, freshToken, type Secret } from './ageing-token.ts';
import { type Act, type Play, play } from './play.ts';
import type { Board, Results } from './report.ts';
import { judged, type Played, type Result } from './result.ts';
import type { ChangeHub, Scenario } from './scenario.ts';
import type { Scene } from './scene.ts';
import type { Shape } from './script.ts';
import type { OpenStage, Stage } from './stage.ts';
import { stoppedBy } from './stopped.ts';

export interface PlayersOptions {
  seed: number;
  shape: Shape;
  /** Undefined: each scenario has its own. */
  hub: Hub | undefined;
  /** Of that hub, where it is known. */
  secret: Secret | undefined;
  speed: number;
  /** Hubs of their own keep nothing on disk. */
  memory: boolean;
  openStage: OpenStage;
  /** Ends everything, with a `Stopped`; what has not finished by then is so called. */
  signal: AbortSignal;
  board: Board;
  output: Output;
}

/** How far a scenario was that had no more time. */
const actsNotOver: Readonly<Record<Act, string>> = {
  opening: 'sender and viewer were not connected',
  speaking: 'no words had come back before the fault',
  hurt: 'the fault was not over',
  recovering: 'words had not come back, or had only just',
  ending: 'not all was stored and seen',
};

export class Players {
  readonly #options: PlayersOptions;
  /** Where those are that are on. */
  readonly #acts = new Map<string, Act>();

  constructor(options: PlayersOptions) {
    this.#options = options;
    setMaxListeners(0, options.signal); // Every wait of every scenario listens.
  }

  /** In the order of the scenarios. Rejects with a CliError when the hub cannot be judged at all. */
  async playAll(scenarios: readonly Scenario[], width: number): Promise<Results> {
    const { hub, board, signal } = this.#options;
    if (hub) await this.#listen(hub);
    const results = new Map<string, Result>();
    const left = [...scenarios];
    const hand = async () => {
      for (let scenario = left.shift(); scenario && !signal.aborted; scenario = left.shift()) {
        const result = await this.#resultOf(scenario);
        results.set(scenario.name, result);
        board.ended(scenario.name, result);
      }
    };
    await Promise.all(Array.from({ length: width }, hand));
    return new Map(scenarios.map(({ name }) => [name, results.get(name) ?? this.#notBegun]));
  }

  /** Some words before anything is hurt: a hub that does not hear them cannot be judged. */
  async #listen(hub: Hub): Promise<void> {
    const { board, signal } = this.#options;
    try {
      // Without a proxy between, what is wrong with the address or the token can be named.
      await storedFinals(hub, `chaos-${randomUUID()}`);
      const played = judged(await play(this.#playOf('calm', hub)));
      board.gone('calm');
      if (played.words.stored === 0) throw deaf();
      if (played.status === 'failed') throw faulty(played);
    } catch (error) {
      if (!signal.aborted) throw error;
      if (stoppedBy(signal)?.limitSeconds !== undefined) throw stuck(this.#verdictOn('calm'));
    }
  }

  async #resultOf(scenario: Scenario): Promise<Result> {
    const reason = this.#lackOf(scenario);
    if (reason !== undefined) return { status: 'skipped', reason };
    const { signal } = this.#options;
    try {
      return await this.#perform(scenario);
    } catch (error) {
      const stopped = stoppedBy(signal);
      if (stopped === undefined) return { status: 'failed', problems: [messageOf(error)] };
      if (stopped.limitSeconds === undefined) return { status: 'unfinished', reason: stopped.message };
      return { status: 'failed', problems: [this.#verdictOn(scenario.name)] };
    }
  }

  get #notBegun(): Result {
    return { status: 'unfinished', reason: stoppedBy(this.#options.signal)?.message ?? 'it was stopped' };
  }

  #verdictOn(name: string): string {
    const act = this.#acts.get(name);
    return `${stoppedBy(this.#options.signal)?.message}: ${act ? actsNotOver[act] : 'its hub was not there'}`;
  }

  /** Why it cannot be played here. */
  #lackOf(scenario: Scenario): string | undefined {
    const { hub, secret, memory } = this.#options;
    if (hub && scenario.needs === 'secret' && !secret)
      return 'it creates tokens of its own: pass --secret or set SECRET_KEY';
    if (memory && scenario.needs === 'local' && scenario.process === 'another')
      return 'with --memory nothing outlives the hub’s process';
    return undefined;
  }

  async #perform(scenario: Scenario): Promise<Played> {
    const { hub, secret } = this.#options;
    if (hub && scenario.needs !== 'local') {
      const strike: Play['strike'] = (scene) => scenario.strike(scene);
      return judged(await play({ ...this.#playOf(scenario.name, hub, agedBy(scenario, secret)), strike }));
    }
    const stage = await this.#openStage(scenario);
    try {
      const strike: Play['strike'] = (scene) =>
        scenario.needs === 'local' ? scenario.strike(scene, stage.backstage) : scenario.strike(scene);
      const aged = agedBy(scenario, stage.secret);
      return judged(await play({ ...this.#playOf(scenario.name, stage.hub, aged), strike }));
    } finally {
      await stage.close();
    }
  }

  #openStage(scenario: Scenario): Promise<Stage> {
    const { speed, memory, signal, openStage } = this.#options;
    const isOwn = scenario.needs !== 'local' || scenario.process === 'own';
    const changeHub = ('changeHub' in scenario ? scenario.changeHub : undefined) ?? asItIs;
    return openStage({ speed, memory, process: isOwn ? 'own' : 'another', changeHub, signal });
  }

  /** `aged`: the links show tokens that run out. */
  #playOf(name: string, hub: Hub, aged?: Secret): Play {
    const { seed, shape, speed, signal, output } = this.#options;
    return {
      name,
      hub: aged ? { ...hub, token: () => freshToken(aged) } : hub,
      tokens: aged
        ? { sender: ageingToken(aged), viewer: ageingToken(aged) }
        : { sender: hub.token, viewer: hub.token },
      seed: `${seed}/${name}`,
      shape,
      speed,
      signal,
      output,
      strike: undefined,
      moved: (act, scene) => this.#moved(name, act, scene),
    };
  }

  #moved(name: string, act: Act, scene: Scene | undefined): void {
    this.#acts.set(name, act);
    this.#options.board.moved(name, act, scene);
  }
}

const asItIs: ChangeHub = (options) => options;

const agedBy = ({ needs }: Scenario, secret: Secret | undefined): Secret | undefined =>
  needs === 'secret' ? secret : undefined;

const deaf = (): CliError =>
  new CliError(
    'failed',
    'no words came back, even without a fault: the hub does not understand the test audio.',
    'Let it transcribe with `meetcast simulator`, or try `meetcast chaos --local`.',
  );

function faulty({ words, missing, unexpected, problems: [problem] }: Played): CliError {
  const what =
    missing.length > 0
      ? `${missing.length} were lost`
      : unexpected.length > 0
        ? 'some came twice'
        : undefined;
  const found = what === undefined ? problem : `of ${words.said} words ${what}`;
  return new CliError('failed', `even without a fault, ${found}.`, 'See `meetcast smoke`.');
}

const stuck = (verdict: string): CliError =>
  new CliError('failed', `even without a fault, ${verdict}.`, 'See `meetcast smoke`.');
