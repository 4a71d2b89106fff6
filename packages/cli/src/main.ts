/** Runs one command line and says how it ended. */
import { CommanderError } from 'commander';
import type { Context } from './context.ts';
import { CliError, exitCodes, messageOf } from './exit.ts';
import type { Output } from './output.ts';
import { createProgram } from './program.ts';
import { usageProblem } from './sentences.ts';

/** The exit code. Never rejects. */
export async function main(args: readonly string[], context: Context): Promise<number> {
  try {
    const program = createProgram(context);
    try {
      await program.parseAsync(args, { from: 'user' });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      if (error.exitCode === 0) return exitCodes.done;
      const names = program.commands.map((command) => command.name());
      throw usageError(
        error,
        args.find((word) => names.includes(word)),
      );
    }
    return exitCodes.done;
  } catch (error) {
    return report(error, context);
  }
}

function usageError(error: CommanderError, command: string | undefined): CliError {
  const help = ['meetcast', ...(command ? [command] : []), '--help'].join(' ');
  const message =
    error.code === 'commander.help' ? usageProblem.noCommand : error.message.replace(/^error: /, '');
  return new CliError('usage', message, usageProblem.seeHelp(help));
}

function report(error: unknown, { output, processEnv }: Context): number {
  const known = error instanceof CliError ? error : unexpected(error);
  const code = exitCodes[known.exit];
  output.emit({
    event: 'error',
    code: known.exit,
    exit_code: code,
    message: known.message,
    ...(known.next === undefined ? {} : { next: known.next }),
  });
  sayError(output, known);
  if (processEnv.MEETCAST_DEBUG && error instanceof Error) output.say(error.stack ?? '');
  return code;
}

function unexpected(error: unknown): CliError {
  return new CliError('failed', messageOf(error), usageProblem.seeStack);
}

function sayError({ notePaint, say }: Output, { message, next }: CliError): void {
  say(`${notePaint.red('error:')} ${message}`);
  if (next !== undefined) say(next);
}
