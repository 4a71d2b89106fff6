/** The simulator's fault switches as flags. */
import type { Fault } from '@meetcast/testing';
import { type Command, Option } from 'commander';
import { CliError } from './exit.ts';
import { usageProblem } from './sentences.ts';
import { wholeNumber } from './values.ts';

const streamFaults = ['fin', 'rst', 'silence', 'close'] as const;
const closeCodes = [1000, 1008, 1011, 1012] as const;
const refusals = [401, 402, 403, 429, 503] as const;

type StreamFaultName = (typeof streamFaults)[number];
type FaultCloseCode = (typeof closeCodes)[number];

export interface FaultFlags {
  fault?: StreamFaultName;
  faultAfterMs?: number;
  faultCount?: number;
  closeCode?: FaultCloseCode;
  closeReason?: string;
  refuse?: (typeof refusals)[number];
  refuseCount?: number;
  endWithoutStatus: boolean;
  slowUpgradeMs?: number;
  slowReader?: number;
  awayMs?: number;
}

/** A choice among numbers: commander's own choices are texts. */
const oneOf = (flag: string, about: string, numbers: readonly number[]): Option =>
  new Option(flag, about).choices(numbers.map(String)).argParser<number>((text) => {
    const value = numbers.find((number) => String(number) === text);
    if (value !== undefined) return value;
    throw new CliError(
      'usage',
      ...usageProblem.notAmong(flag.split(' ')[0] ?? flag, numbers.join(', '), text),
    );
  });

export function addFaultOptions(command: Command): void {
  const milliseconds = wholeNumber(0);
  const times = wholeNumber(1);
  command
    .addOption(
      new Option(
        '--fault <kind>',
        'break streams: fin (end without a close frame), rst (reset), silence (stop answering), close (with --close-code)',
      ).choices(streamFaults),
    )
    .addOption(
      new Option('--fault-after-ms <ms>', 'after this much audio (default: 0)').argParser(milliseconds),
    )
    .addOption(new Option('--fault-count <n>', 'number of streams to break (default: 1)').argParser(times))
    .addOption(oneOf('--close-code <code>', 'for --fault close (default: 1011)', closeCodes))
    .option('--close-reason <text>', 'for --fault close')
    .addOption(oneOf('--refuse <status>', 'refuse handshakes with this status', refusals))
    .addOption(
      new Option('--refuse-count <n>', 'number of handshakes to refuse (default: all)').argParser(times),
    )
    .option('--end-without-status', 'close finished streams without a status: clients see 1005', false)
    .addOption(
      new Option('--slow-upgrade-ms <ms>', 'delay of the answer to a handshake').argParser(milliseconds),
    )
    .addOption(new Option('--slow-reader <bytes>', 'bytes read per second').argParser(wholeNumber(1)))
    .addOption(
      new Option('--away-ms <ms>', 'accept no connections for this long after the start').argParser(times),
    );
}

export function faultsOf(flags: FaultFlags): Fault[] {
  refuseLonely(flags);
  const { refuse, refuseCount, endWithoutStatus, slowUpgradeMs, slowReader, awayMs } = flags;
  const faults: Array<Fault | undefined> = [
    streamFault(flags),
    refuse === undefined
      ? undefined
      : { kind: 'refuse', status: refuse, ...(refuseCount === undefined ? {} : { times: refuseCount }) },
    endWithoutStatus ? { kind: 'no-status' } : undefined,
    slowUpgradeMs === undefined ? undefined : { kind: 'slow-upgrade', delayMs: slowUpgradeMs },
    slowReader === undefined ? undefined : { kind: 'slow-reader', bytesPerSecond: slowReader },
    awayMs === undefined ? undefined : { kind: 'away', forMs: awayMs },
  ];
  return faults.filter((fault) => fault !== undefined);
}

function streamFault(flags: FaultFlags): Fault | undefined {
  const { fault, closeCode = 1011, closeReason } = flags;
  if (fault === undefined) return undefined;
  // Without a place in the audio it would strike the streams that are open now: none.
  const when = { afterAudioMs: flags.faultAfterMs ?? 0, times: flags.faultCount ?? 1 };
  if (fault !== 'close') return { kind: fault, ...when };
  const reason = closeReason === undefined ? {} : { reason: closeReason };
  return { kind: 'close', code: closeCode, ...reason, ...when };
}

/** A flag that would do nothing without another is a mistake. */
function refuseLonely(flags: FaultFlags): void {
  const needs: ReadonlyArray<readonly [flag: string, isSet: boolean, needs: string, isThere: boolean]> = [
    ['--fault-after-ms', flags.faultAfterMs !== undefined, '--fault', flags.fault !== undefined],
    ['--fault-count', flags.faultCount !== undefined, '--fault', flags.fault !== undefined],
    ['--close-code', flags.closeCode !== undefined, '--fault close', flags.fault === 'close'],
    ['--close-reason', flags.closeReason !== undefined, '--fault close', flags.fault === 'close'],
    ['--refuse-count', flags.refuseCount !== undefined, '--refuse', flags.refuse !== undefined],
  ];
  for (const [flag, isSet, needed, isThere] of needs)
    if (isSet && !isThere) throw new CliError('usage', ...usageProblem.onlyWith(flag, needed));
}
