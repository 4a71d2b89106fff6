/** Measures hubs under many viewers and on many nodes, side by side with the least there is and with a peer. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { connections, printConnections } from './scale/connections.mjs';
import { fanout, printFanout } from './scale/fanout.mjs';
import { far, printFar } from './scale/far.mjs';
import { load, machine } from './scale/machine.mjs';
import { nodes, printNodes } from './scale/nodes.mjs';
import { printStreams, streams } from './scale/streams.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'string' }, quick: { type: 'boolean', default: false } },
});

/** `quick` shows that it runs; its figures say little. */
const sections = {
  far: [
    far,
    printFar,
    values.quick ? { blocks: 3, perBlock: 50, perSecond: 50 } : { blocks: 30, perBlock: 100, perSecond: 50 },
  ],
  fanout: [fanout, printFanout, values.quick ? { blocks: 1, blockMs: 2_000 } : { blocks: 5, blockMs: 4_000 }],
  connections: [
    connections,
    printConnections,
    values.quick ? { viewers: 1_000, repeats: 1 } : { viewers: 5_000, repeats: 3 },
  ],
  nodes: [nodes, printNodes, values.quick ? { meetings: 5, ms: 5_000 } : { meetings: 20, ms: 20_000 }],
  streams: [
    streams,
    printStreams,
    values.quick
      ? { counts: [5], frameSizesMs: [100], ms: 3_000, windows: 1 }
      : { counts: [10, 40, 100], frameSizesMs: [100, 20], ms: 8_000, windows: 3 },
  ],
};

const wanted = positionals.length > 0 ? positionals : Object.keys(sections);
for (const name of wanted)
  if (!(name in sections)) throw new TypeError(`"${name}" is none of ${Object.keys(sections).join(', ')}`);

const results = { machine: machine(), sections: {} };
console.log(JSON.stringify(results.machine));
for (const name of wanted) {
  const [measure, print, options] = sections[name];
  const before = load();
  const figures = await measure(options);
  results.sections[name] = { figures, load: [before, load()] };
  print(figures);
  console.log(`  load of the machine: ${before} before, ${load()} after`);
}
if (values.json) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
