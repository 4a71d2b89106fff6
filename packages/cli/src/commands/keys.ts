/** `meetcast keys`: a key pair for signing and checking tokens. */
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { addExamples } from '../help.ts';
import { type KeyAlgorithm, keyAlgorithms, writeKeyPair } from '../key-files.ts';
import { keysNote } from '../sentences.ts';

interface KeysFlags {
  out: string;
  alg: KeyAlgorithm;
  force: boolean;
}

export function registerKeys(program: Command, context: Context): void {
  const command = program
    .command('keys')
    .description('Create a key pair: private.pem signs tokens, public.pem lets a hub verify them.')
    .requiredOption('--out <folder>', 'folder for private.pem and public.pem')
    .addOption(
      new Option('--alg <name>', 'signature algorithm').choices(keyAlgorithms).default('RS256' as const),
    )
    .option('--force', 'replace an existing pair', false)
    .action((flags: KeysFlags) => keys(flags, context));
  addExamples(command, [
    ['a pair in ./keys', 'meetcast keys --out keys'],
    ['smaller and faster than RSA', 'meetcast keys --out keys --alg EdDSA'],
  ]);
}

async function keys({ out, alg, force }: KeysFlags, { output }: Context): Promise<void> {
  const { privateKey, publicKey } = await writeKeyPair(out, alg, force);
  output.emit(
    { event: 'keys', alg, private_key: privateKey, public_key: publicKey },
    `${privateKey}\n${publicKey}`,
  );
  output.say(keysNote.forHub(publicKey));
  output.say(keysNote.forTokens(privateKey));
  output.say(keysNote.keepPrivate(privateKey));
}
