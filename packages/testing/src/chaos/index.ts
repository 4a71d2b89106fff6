/** `@meetcast/testing/chaos`: meetings under faults, on your hub or on hubs of their own, and their words counted. */
export { type ChaosOptions, type ChaosRun, chaos } from './chaos.ts';
export {
  type Comparison,
  compareWords,
  countWords,
  noWords,
  type Place,
  placesOf,
  type SourceWords,
  wordsOfFinals,
} from './compare-words.ts';
export { ChaosError, type ChaosProblem } from './error.ts';
export {
  type Broken,
  type Heard,
  judge,
  type Played,
  type Result,
  type Said,
  type Skipped,
} from './judge.ts';
export { type HubParts, type ListeningHub, type LocalHub, localHub, type OpenHub } from './local-hub.ts';
export type { Act } from './play.ts';
export type { Progress } from './players.ts';
export type { ChangeHub, Scenario } from './scenario.ts';
export { scenarios } from './scenarios.ts';
export { collectFinals, inTime, reached } from './seen.ts';
export type { OwnHubs } from './stage.ts';
export { Stopped } from './stopped.ts';
export type { TestedHub } from './tested-hub.ts';
