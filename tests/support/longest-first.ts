/** The order of the test files: one that takes long does not start last. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Those that take longest, longest first; of the others the larger file is taken for the longer. */
const longest: readonly string[] = [
  'chaos/scenarios.test.ts',
  'chaos/verdicts.test.ts',
  'chaos/local.test.ts',
  'chaos/run.test.ts',
  'dead-node.itest.ts',
  'no-word-lost.itest.ts',
  'property.itest.ts',
  'crash.itest.ts',
  'redis-away.itest.ts',
  'cluster-away.itest.ts',
  'cluster.itest.ts',
  'no-word-lost-processes.itest.ts',
  'words.itest.ts',
  'redis-registry-orphaned.itest.ts',
  'cluster-claims.itest.ts',
  'outage.itest.ts',
  'redis-failover.itest.ts',
  'no-word-lost-away.itest.ts',
  'soak.itest.ts',
  'cluster-deploy.itest.ts',
  'serve.test.ts',
  'storage.test.ts',
  'send-pcm.test.ts',
  'cluster.test.ts',
  'tone-language.test.ts',
  'resilient-deepgram.test.ts',
  'file-spool.test.ts',
  'resilient-memory.test.ts',
];

/** One project after the other, too: a process serves the files of one. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = longest.findIndex((name) => moduleId.endsWith(`/${name}`));
      return found < 0 ? longest.length : found;
    };
    const inOrder = await super.sort(files);
    return inOrder.toSorted((a, b) => b.project.name.localeCompare(a.project.name) || place(a) - place(b));
  }
}
