/** Plays scenarios, some at a time: all on one hub, or each on a hub of its own. */
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { ageingToken, freshToken, type Mint } from './ageing-token.ts';
import { ChaosError } from './error.ts';
import { judge, type Played, type Result, type Skipped } from './judge.ts';
import { type Act, type Play, play } from './play.ts';
import type { ChangeHub, Scenario } from './scenario.ts';
import type { Scene } from './scene.ts';
import type { Shape } from './script.ts';
import type { OpenStage, OwnHubs, Stage } from './stage.ts';
import { stoppedBy } from './stopped.ts';
import { storedFinals, type TestedHub } from './tested-hub.ts';

/** How a run goes. `calm` is the name of the words before anything is hurt, on a hub that is tested. */
export interface Progress {
  /** Before anything else. */
  started?(plan: { seed: number; scenarios: readonly string[] }): void;
  /** How far a scenario is; of its meeting, once there is one, it can be read what was said and seen by now. */
  moved?(name: string, act: Act | 'over', meeting?: Pick<Scene, 'wordsSaid' | 'wordsSeen'>): void;
  ended?(name: string, result: Result): void;
}

export interface PlayersOptions {
  seed: number;
  shape: Shape;
  /** Undefined: each scenario has its own. */
  hub: TestedHub | undefined;
  own: OwnHubs;
  speed: number;
  openStage: OpenStage;
  /** Ends everything, with a `Stopped`; what has not finished by then is so called. */
  signal: AbortSignal;
  progress: Progress;
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

  /** In the order of the scenarios. Rejects with a ChaosError when the hub cannot be judged at all. */
  async playAll(scenarios: readonly Scenario[], width: number): Promise<ReadonlyMap<string, Result>> {
    const { hub, progress, signal } = this.#options;
    if (hub) await this.#listen(hub);
    const results = new Map<string, Result>();
    const left = [...scenarios];
    const hand = async () => {
      for (let scenario = left.shift(); scenario && !signal.aborted; scenario = left.shift()) {
        const result = await this.#resultOf(scenario);
        results.set(scenario.name, result);
        progress.moved?.(scenario.name, 'over');
        progress.ended?.(scenario.name, result);
      }
    };
    await Promise.all(Array.from({ length: width }, hand));
    return new Map(scenarios.map(({ name }) => [name, results.get(name) ?? this.#notBegun]));
  }

  /** Some words before anything is hurt: a hub that does not hear them cannot be judged. */
  async #listen(hub: TestedHub): Promise<void> {
    const { progress, signal } = this.#options;
    try {
      // Without a proxy between, what is wrong with the address or the token can be named.
      await storedFinals(hub, `chaos-${randomUUID()}`);
      const played = judge(await play(this.#playOf('calm', hub)));
      if (played.words.stored === 0) throw new ChaosError('no_words', nothingHeard);
      if (played.status === 'failed') throw faulty(faultIn(played));
    } catch (error) {
      if (!signal.aborted) throw error;
      if (stoppedBy(signal)?.limitMs !== undefined) throw faulty(this.#verdictOn('calm'));
    } finally {
      progress.moved?.('calm', 'over');
    }
  }

  async #resultOf(scenario: Scenario): Promise<Result> {
    const lacks = this.#lackOf(scenario);
    if (lacks !== undefined) return { status: 'skipped', lacks };
    const { signal } = this.#options;
    try {
      return await this.#perform(scenario);
    } catch (error) {
      const stopped = stoppedBy(signal);
      if (stopped === undefined) return { status: 'failed', problems: [messageOf(error)] };
      if (stopped.limitMs === undefined) return { status: 'unfinished', reason: stopped.message };
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

  #lackOf(scenario: Scenario): Skipped['lacks'] | undefined {
    const { hub, own } = this.#options;
    if (hub && scenario.needs === 'secret' && !hub.mint) return 'mint';
    if (scenario.needs === 'local' && scenario.process === 'another' && !own.openProcess) return 'process';
    return undefined;
  }

  async #perform(scenario: Scenario): Promise<Played> {
    const { hub } = this.#options;
    if (hub && scenario.needs !== 'local') {
      const strike: Play['strike'] = (scene) => scenario.strike(scene);
      return judge(await play({ ...this.#playOf(scenario.name, hub, agedBy(scenario, hub)), strike }));
    }
    const stage = await this.#openStage(scenario);
    try {
      const strike: Play['strike'] = (scene) =>
        scenario.needs === 'local' ? scenario.strike(scene, stage.backstage) : scenario.strike(scene);
      const aged = agedBy(scenario, stage.hub);
      return judge(await play({ ...this.#playOf(scenario.name, stage.hub, aged), strike }));
    } finally {
      await stage.close();
    }
  }

  #openStage(scenario: Scenario): Promise<Stage> {
    const { speed, own, signal, openStage } = this.#options;
    const { change = asItIs, memory = false, openProcess } = own;
    const isElsewhere = scenario.needs === 'local' && scenario.process === 'another';
    const changeOnce = ('changeHub' in scenario ? scenario.changeHub : undefined) ?? asItIs;
    return openStage({
      speed,
      memory,
      open: isElsewhere ? openProcess : undefined,
      changeHub: (options) => change(changeOnce(options)),
      signal,
    });
  }

  /** `aged`: the links show tokens that run out. */
  #playOf(name: string, hub: TestedHub, aged?: Mint): Play {
    const { seed, shape, speed, signal } = this.#options;
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
      strike: undefined,
      moved: (act, scene) => this.#moved(name, act, scene),
    };
  }

  #moved(name: string, act: Act, scene: Scene | undefined): void {
    this.#acts.set(name, act);
    this.#options.progress.moved?.(name, act, scene);
  }
}

const asItIs: ChangeHub = (options) => options;

const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

const agedBy = ({ needs }: Scenario, hub: TestedHub): Mint | undefined =>
  needs === 'secret' ? hub.mint : undefined;

const nothingHeard = 'no words came back, even without a fault: the hub does not understand the test audio.';

const faulty = (what: string): ChaosError =>
  new ChaosError('faulty_without_fault', `even without a fault, ${what}.`);

function faultIn({ words, missing, unexpected, problems: [problem = ''] }: Played): string {
  if (missing.length > 0) return `of ${words.said} words ${missing.length} were lost`;
  return unexpected.length > 0 ? `of ${words.said} words some came twice` : problem;
}
