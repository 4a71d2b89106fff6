/** What a scenario is: one fault, in the middle of a meeting of its own. */
import type { HubOptions } from '@meetcast/server';
import type { FaultProxy } from '../network/fault-proxy.ts';
import type { DeepgramSimulator } from '../simulator/simulator.ts';
import type { Scene } from './scene.ts';

interface Named {
  readonly name: string;
  /** For `--list`. */
  readonly about: string;
}

/** Makes other options of those that a hub would have. */
export type ChangeHub = (options: HubOptions) => HubOptions;

/** `strike` does the harm and resolves when it is over. */
export type Scenario = Named &
  (
    | { readonly needs: 'hub'; strike(scene: Scene): Promise<void> }
    /** Its links show tokens that expire, which only whoever has the hub's secret can make. */
    | { readonly needs: 'secret'; strike(scene: Scene): Promise<void> }
    /** A hub of its own, in this process. */
    | {
        readonly needs: 'local';
        readonly process: 'own';
        readonly changeHub?: ChangeHub;
        strike(scene: Scene, backstage: Backstage): Promise<void>;
      }
    /** One in another process, that can be killed. */
    | {
        readonly needs: 'local';
        readonly process: 'another';
        strike(scene: Scene, backstage: Backstage): Promise<void>;
      }
  );

/** What is behind a hub of one's own. */
export interface Backstage {
  readonly recognizer: DeepgramSimulator;
  /** Between the hub and the recognizer. */
  readonly recognizerLink: FaultProxy;
  /** The hub in this process leaves in order, one in another is killed. Resolves when it listens again. */
  restartHub(): Promise<void>;
}
