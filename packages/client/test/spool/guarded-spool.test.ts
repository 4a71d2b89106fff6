/** A spool that fails: the sender hears of it once, and what is left of it is not sent again. */
import { expect, test } from 'vitest';
import { GuardedSpool } from '../../src/spool/guarded-spool.ts';
import type { Spool } from '../../src/spool/spool.ts';
import { session } from '../support/spool.ts';

/** Notes what is asked of it; what is named fails. */
function spoolThat(...failing: string[]) {
  const asked: string[] = [];
  const failures: string[] = [];
  const does = (what: string) => async () => {
    asked.push(what);
    if (failing.includes(what)) throw new Error(`no ${what}`);
  };
  const spool: Spool = {
    left: undefined,
    read: async () => new Uint8Array(),
    append: does('append'),
    note: does('note'),
    forget: does('forget'),
    close: does('close'),
    remove: does('remove'),
  };
  return { guarded: new GuardedSpool(spool, ({ message }) => failures.push(message)), asked, failures };
}
const audio = new Uint8Array(2);

test('a failure is told once, and nothing is written after it', async () => {
  const { guarded, asked, failures } = spoolThat('append', 'close');
  await Promise.all([guarded.append(audio), guarded.append(audio)]);
  expect([failures, guarded.isSound]).toEqual([['no append'], false]);
  await guarded.note(session());
  await guarded.close();
  expect([asked, failures]).toEqual([['append', 'append', 'close'], ['no append']]);
});

test('one that was retired is removed once, and not closed over it', async () => {
  const { guarded, asked } = spoolThat('append');
  await guarded.append(audio);
  guarded.retire();
  guarded.retire();
  await guarded.close();
  await guarded.remove();
  expect(asked).toEqual(['append', 'remove']);
});

test('one that could not be retired is closed all the same', async () => {
  const { guarded, asked } = spoolThat('append', 'remove');
  await guarded.append(audio);
  guarded.retire();
  await guarded.close();
  expect(asked).toEqual(['append', 'remove', 'close']);
});
