/** The contracts of the hub's adapters, as suites of vitest: an adapter's own test is one call. */
export { type BusNodes, busContract } from './bus.ts';
export { type RecognizerBench, recognizerContract } from './recognizer.ts';
export { type RegistryNodes, registryContract } from './registry.ts';
export type { HasText, OpenStore } from './store/opened.ts';
export { type StoreContractOptions, storeContract } from './store/store.ts';
