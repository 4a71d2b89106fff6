/** What every command is given: where it runs and where its words go. */
import type { Environment } from './env.ts';
import type { Output } from './output.ts';

export interface Context {
  readonly output: Output;
  readonly cwd: string;
  /** The process's own variables; `readEnvironment` adds those of `.env`. */
  readonly processEnv: Environment;
}
