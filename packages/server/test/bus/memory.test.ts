import { memoryBus } from '../../src/bus/memory.ts';
import { busContract } from './bus-contract.ts';

busContract(async () => {
  const bus = memoryBus();
  return { nodes: [bus, bus] };
});
