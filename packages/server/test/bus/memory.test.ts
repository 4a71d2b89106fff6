import { busContract } from '@meetcast/testing/contracts';
import { memoryBus } from '../../src/bus/memory.ts';

busContract('the memory bus', () => {
  const bus = memoryBus();
  return { nodes: [bus, bus] };
});
