import { storeContract } from '@meetcast/testing/contracts';
import { memoryStore } from '../../src/store/memory.ts';

storeContract('the memory store', memoryStore);
