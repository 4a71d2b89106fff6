/** The order of the test files: one that takes long does not start last. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Those that take longest, longest first; of the others the larger file is taken for the longer. */
const longest: readonly string[] = [];

/** One project after the other, too: a process serves the files of one. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = longest.findIndex((name) => moduleId.endsWith(`/${name}`));
      return found < 0 ? longest.length : found;
    };
    const inOrder = await super.sort(files);
    return inOrder.toSorted((a, b) => a.project.name.localeCompare(b.project.name) || place(a) - place(b));
  }
}
