/** The recognizer's other end, in a process of its own: it really listens, and that takes time. */
import { fromTests } from './packages.mjs';
import { answer, usage } from './process.mjs';

const { startDeepgramSimulator } = fromTests('@meetcast/testing');

answer({
  usage,
  async start() {
    const { url } = await startDeepgramSimulator();
    return url;
  },
});
