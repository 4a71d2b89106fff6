/** What `DATABASE_URL` may be: an address of PostgreSQL, or `file:` and a folder. */
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError } from 'commander';
import type { Parse } from './values.ts';

export type Database = { name: 'postgres'; url: string } | { name: 'sqlite'; directory: string };

/** In the folder of an embedded store. */
export const databaseFile = 'meetcast.db';

export const database: Parse<Database> = (text) => {
  if (/^postgres(ql)?:\/\//i.test(text) && URL.canParse(text)) return { name: 'postgres', url: text };
  const directory = directoryIn(text);
  if (directory !== undefined) return { name: 'sqlite', directory };
  throw new InvalidArgumentError('Expected postgres://… or file: and a folder, such as file:./transcripts.');
};

/** `file:relative`, `file:/absolute` or `file:///absolute`; whoever names the file in it means its folder. */
function directoryIn(text: string): string | undefined {
  const path = /^file:(?!\/\/)(.+)$/is.exec(text)?.[1] ?? pathOfUrl(text);
  if (path === undefined || path.includes('\0')) return undefined;
  return basename(path) === databaseFile ? dirname(path) : path;
}

function pathOfUrl(text: string): string | undefined {
  if (!/^file:\/\/\/./i.test(text) || !URL.canParse(text)) return undefined;
  return fileURLToPath(text);
}
