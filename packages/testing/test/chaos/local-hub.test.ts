/** The hub of one scenario: whatever it is doing, nothing of it outlives its close. */
import { expect, test } from 'vitest';
import { localHub } from '../../src/chaos/local-hub.ts';

/** Hubs that listen and leave when the test lets them. */
function hubs() {
  const told: string[] = [];
  let letLeave = () => {};
  const left = new Promise<void>((resolve) => {
    letLeave = resolve;
  });
  const listen = async (port: number) => {
    told.push(`listens on ${port}`);
    return {
      leave: async () => {
        told.push('leaves');
        await left;
      },
    };
  };
  return { told, listen, letLeave };
}

test('it comes back where it was', async () => {
  const { told, listen, letLeave } = hubs();
  letLeave();
  const hub = await localHub(listen);
  const { port } = new URL(hub.url);
  await hub.restart();
  await hub.close();
  expect(told).toEqual([`listens on ${port}`, 'leaves', `listens on ${port}`, 'leaves']);
});

test('one that is closed while it leaves does not come back', async () => {
  const { told, listen, letLeave } = hubs();
  const hub = await localHub(listen);
  const restarted = hub.restart();
  const closed = hub.close();
  letLeave();
  await Promise.all([restarted, closed]);
  expect(told).toEqual([`listens on ${new URL(hub.url).port}`, 'leaves', 'leaves']);
});

test('one that could not come back is closed all the same', async () => {
  const { told, listen, letLeave } = hubs();
  letLeave();
  const hub = await localHub(async (port) => {
    if (told.length > 0) throw new Error('the port is taken');
    return listen(port);
  });
  await expect(hub.restart()).rejects.toThrow('the port is taken');
  await hub.close();
  expect(told).toEqual([`listens on ${new URL(hub.url).port}`, 'leaves', 'leaves']);
});
