/** The recognizer's other end, in a process of its own: it really listens, and that takes time. */
import { fromServer } from './packages.mjs';
import { answer, usage } from './process.mjs';

const { startDeepgramSimulator } = fromServer('./dist/testing.cjs');

answer({
  usage,
  async start() {
    const { url } = await startDeepgramSimulator();
    return url;
  },
});
