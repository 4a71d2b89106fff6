import { postgresStore } from '@meetcast/server/postgres';
import { describe, inject } from 'vitest';
import { storeContract } from '../../packages/server/test/store/store-contract.ts';

const url = inject('pgUrl');

describe.skipIf(!url)('PostgreSQL', () => {
  storeContract(async () => postgresStore({ url: url ?? '' }));
});
