import { memoryStore } from '../../src/store/memory.ts';
import { storeContract } from './store-contract.ts';

// There is nothing behind the calls in which to look.
storeContract(
  async (options) => memoryStore(options),
  async () => false,
);
