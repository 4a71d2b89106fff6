import { expect, test } from 'vitest';
import { type ResumePoint, resumeAt } from '../../src/viewers/resume-point.ts';

const head = { epoch: 'e2', seq: 10, segmentNo: 4 };
const after = (since: number, epoch?: string): ResumePoint => ({ kind: 'resume', since, epoch });
const history = (entries: number): ResumePoint => ({ kind: 'history', entries });

test('[SUB2] everything after a known place follows, or nothing does', () => {
  expect(resumeAt(after(4, 'e2'), head, 100)).toEqual({ sent: 4, recovered: true });
  expect(resumeAt(after(10, 'e2'), head, 100)).toEqual({ sent: 10, recovered: true });
  expect(resumeAt(after(11, 'e2'), head, 100)).toEqual({ sent: 10, recovered: false });
  expect(resumeAt(after(4, 'e1'), head, 100)).toEqual({ sent: 10, recovered: false });
});

test('[SUB2] there is never a partial recovery, however long the log is', () => {
  expect(resumeAt(after(1, 'e2'), { ...head, seq: 50_000 }, 100)).toEqual({ sent: 1, recovered: true });
});

test('[SUB3] without an epoch the current one is meant, and since=0 means all of any', () => {
  expect(resumeAt(after(4), head, 100)).toEqual({ sent: 4, recovered: true });
  expect(resumeAt(after(0, 'e1'), head, 100)).toEqual({ sent: 0, recovered: true });
});

test('[SUB5] a first join is given so much of the past, capped, newest kept', () => {
  expect(resumeAt(history(Number.POSITIVE_INFINITY), head, 100)).toEqual({ sent: 0, recovered: null });
  expect(resumeAt(history(Number.POSITIVE_INFINITY), head, 3)).toEqual({ sent: 7, recovered: null });
  expect(resumeAt(history(2), head, 100)).toEqual({ sent: 8, recovered: null });
  expect(resumeAt(history(0), head, 100)).toEqual({ sent: 10, recovered: null });
  expect(resumeAt(history(5), { ...head, seq: 0 }, 100)).toEqual({ sent: 0, recovered: null });
});
