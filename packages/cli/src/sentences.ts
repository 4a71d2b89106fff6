/**
 * What the commands say while they run, grouped by what it is about. An error is a fragment that follows `error: `, and
 * beside it a sentence says what to do; everything else is whole sentences. What `--help` says stands beside each option.
 */

/** An error, and what to do about it. */
export type Problem = readonly [message: string, next?: string];

const notAHub = 'Check --url: what answers there may not be a hub.';
const sayable = '`meetcast wav --words 20` uses words that the simulator understands.';
const convert = (name: string) =>
  `Convert it with \`ffmpeg -i ${name} -ar 48000 -ac 1 -c:a pcm_s16le out.wav\`.`;

/** What can go wrong in any command. */
export const usageProblem = {
  noCommand: 'no command given',
  seeHelp: (help: string) => `Run \`${help}\` for usage.`,
  seeStack: 'Set MEETCAST_DEBUG=1 to see where this came from.',
  badSetting: (setting: string, why: string) => `${setting} is not valid. ${why}`,
  fixSetting: 'Correct it in the environment or in .env.',
  dotEnvUnreadable: (path: string, why: string): Problem => [
    `cannot read ${path}: ${why}`,
    'Fix or remove the file.',
  ],
  onlyWith: (flag: string, needed: string): Problem => [`${flag} works only with ${needed}.`],
  notAmong: (flag: string, allowed: string, got: string): Problem => [
    `${flag} takes ${allowed}, not "${got}".`,
  ],
} as const;

/** A hub that cannot be reached, refuses, or answers with an error. */
export const hubProblem = {
  accessDenied: (reason: string): Problem => [
    `access denied: ${reason}`,
    'Check --token, --secret and the role of the token.',
  ],
  unreachable: (url: string, reason: string): Problem => [
    `cannot connect to ${url}: ${reason}`,
    'Check --url, and that a hub is running there. `meetcast serve` starts one.',
  ],
  closed: (reason: string) => `the hub closed the connection: ${reason}`,
  noReason: 'it gave no reason.',
  noAnswer: 'no answer',
  noAnswerInTime: 'no answer in time',
  requestFailed: (status: number, detail: string) => `request failed (${status}): ${detail}`,
  noProblem: (status: number): Problem => [`request failed (${status}).`, notAHub],
  wrongAnswer: (expected: string): Problem => [`the hub’s answer is not a ${expected}.`, notAHub],
  endlessPages: (of: string): Problem => [`the pages of the ${of} never end.`, notAHub],
  restartedWhileRead: ['the log was restarted while it was read.', 'Try again.'],
  noPage: ['the hub sent no page.', 'Try again.'],
  notMeetingId: (id: string): Problem => [
    `"${id}" is not a meeting id.`,
    'A meeting id has 1–128 characters of A–Z a–z 0–9 . _ : -',
  ],
} as const;

/** What to do when the hub closes a connection, by the word of the close. */
export const closeAdvice: Readonly<Record<string, string>> = {
  ingest_exists: 'Stop the other sender, or send another --source.',
  connection_limit: 'Wait until a viewer leaves, or raise MAX_WS_CLIENTS_PER_MEETING of the hub.',
  recognizer_unavailable: 'The hub cannot use its speech recognizer: see the hub’s log.',
  too_large: 'Pass a smaller --chunk-size.',
};

/** Connections that are lost and come back. */
export const linkNote = {
  connecting: (url: string, reason: string) => `${url} does not answer yet (${reason}). Trying again …`,
  lost: (reason: string, waitSeconds: string) =>
    `Connection lost: ${reason} Reconnecting in ${waitSeconds} s …`,
  back: 'Connected again.',
} as const;

/** Tokens and keys. */
export const tokenProblem = {
  noToken: [
    'no token for the hub.',
    'Pass --token or set MEETCAST_TOKEN. For development, --secret or SECRET_KEY creates one.',
  ],
  nothingToSignWith: [
    'no key to sign with.',
    'Set SECRET_KEY, or pass --secret TEXT or --key FILE (`meetcast keys --out FOLDER` creates one).',
  ],
  tooShort: ['--ttl is below a second.', 'Try --ttl 15m.'],
  badTenant: 'It takes 1–128 characters of A–Z a–z 0–9 . _ : -',
  badLength: 'It is empty or too long.',
  badClaim: (flag: string, why: string): Problem => [`${flag} cannot be in a token.`, why],
  cannotSign: (path: string, why: string): Problem => [
    `cannot sign with ${path}: ${why}.`,
    '`meetcast keys --out FOLDER` creates a key pair.',
  ],
  cannotVerify: (path: string, why: string): Problem => [
    `JWT_PUBLIC_KEY_PATH: cannot verify tokens with ${path}: ${why}.`,
    '`meetcast keys --out FOLDER` creates a key pair; its public.pem goes here.',
  ],
  wrongKind: (kind: string) => `a key of this kind (${kind}) cannot sign RS256, ES256 or EdDSA`,
  isPublic: 'it is a public key, which verifies tokens; signing needs the private one',
  isPrivate: 'it is a private key, which no hub needs',
  isEncrypted: 'it is encrypted',
  notPem: 'it is not a PEM private key',
  keysUnwritable: (folder: string, why: string): Problem => [`cannot write keys to ${folder}: ${why}`],
  keysExist: (path: string): Problem => [
    `${path} exists, and tokens signed with it would stop working.`,
    'Choose another --out, or replace the pair with --force.',
  ],
  twoKeys: [
    'SECRET_KEY and JWT_PUBLIC_KEY_PATH are both set, and a hub verifies tokens with one of them.',
    'Unset one.',
  ],
} as const;

/** `meetcast keys`. */
export const keysNote = {
  forHub: (path: string) => `Start a hub with JWT_PUBLIC_KEY_PATH=${path}`,
  forTokens: (path: string) => `Sign a token with \`meetcast token --key ${path}\`.`,
  keepPrivate: (path: string) => `Keep ${path} secret: whoever has it can sign any token.`,
} as const;

/** WAV files and test audio. */
export const audioProblem = {
  wrongRate: (name: string, hz: number): Problem => [
    `${name} has a sample rate of ${hz} Hz; a hub takes 8000 to 192000.`,
    convert(name),
  ],
  tooManyChannels: (name: string, channels: number): Problem => [
    `${name} has ${channels} channels; a hub takes 1 to 8.`,
    convert(name),
  ],
  unusable: (name: string, why: string, mayConvert: boolean): Problem => [
    `cannot use ${name}: ${why}.`,
    mayConvert
      ? `Convert it with \`ffmpeg -i ${name} -c:a pcm_s16le out.wav\`.`
      : 'Export it again as PCM WAV, or name another file.',
  ],
  noAudio: 'it has no audio',
  cutShort: (name: string, announced: string, actual: string) =>
    `${name} is cut short: its header announces ${announced} of audio, and it has ${actual}.`,
  isFolder: (path: string): Problem => [`${path} is a folder.`, 'Name a WAV file.'],
  unreadable: (path: string, why: string): Problem => [`cannot read ${path}: ${why}`],
  noFile: (path: string): Problem => [
    `there is no file ${path}.`,
    'Check the path. `meetcast wav --out FILE --words 20` creates a test file.',
  ],
  unwritable: (path: string, why: string): Problem => [`cannot write ${path}: ${why}`],
  testTooShort: ['--test-duration is too short for a word.', 'Pass 1 second or more.'],
  nothingToSend: ['nothing to send.', 'Pass --wav FILE or --create-test-wav.'],
  nothingToPutIn: ['nothing to put into the file.', 'Pass --text, --words or --frequency.'],
  notSayable: (why: string): Problem => [`--text: ${why}.`, sayable],
  noWords: ['--text has no words.', sayable],
  frequencyTooHigh: (hz: number, rate: number): Problem => [
    `a sample rate of ${rate} Hz cannot carry ${hz} Hz.`,
    `Pass --sample-rate ${Math.floor(hz * 2) + 1} or more, or a lower --frequency.`,
  ],
} as const;

/** `meetcast send-pcm`. */
export const sendNote = {
  resuming: (taken: string, kept: string) =>
    `Resuming: ${taken} were read before, and ${kept} of that are not stored yet.`,
  says: (words: string) => `Test audio says: ${words}`,
  more: (words: number) => ` … (${words} words)`,
  finishing: 'Stopping: the audio sent so far is being stored. Press Ctrl-C again to stop at once.',
  spoolFailed: (why: string) =>
    `The spool cannot be written any more (${why}). Sending continues without it.`,
  progress: (sent: string, total: string, figures: string) => `${sent}${total} sent, ${figures}`,
  done: (length: string, source: string, meeting: string, words: string, lastSeq: number) =>
    `Done. Sent ${length} of audio to ${meeting} as ${source}: ${words}, all stored up to entry ${lastSeq}.`,
  otherRunning: 'Wait until the other one has ended, or pass another --spool.',
  otherInput: 'Run the command that left it once more, or pass another --spool.',
  spoolUnusable: (folder: string, why: string): Problem => [`cannot use the spool ${folder}: ${why}`],
} as const;

/** `meetcast subscribe`, `transcript`, `meetings`, `search` and `forget`. */
export const readNote = {
  timedOut: (seconds: number): Problem => [`timed out: --timeout ${seconds} s is over.`],
  reset: 'The log was restarted. Everything follows from its beginning.',
  written: (meeting: string, file: string) => `The transcript of ${meeting} is in ${file}.`,
  notOnStdout: (format: string): Problem => [
    `--json cannot print ${format} on stdout.`,
    'Pass --out FILE, or leave one of them out.',
  ],
  unwritable: (file: string, why: string): Problem => [`cannot write the transcript to ${file}: ${why}`],
  noMeetings: 'No meetings yet.',
  noMoreMeetings: 'No more meetings.',
  moreMeetings: (after: string) => `There are more: --after ${after}`,
  nothingFound: 'Nothing found.',
  moreHits: 'There are more: raise --limit.',
  deleted: (meeting: string) => `Meeting ${meeting} is deleted.`,
  askToDelete: (meeting: string, url: string) =>
    `Delete meeting ${meeting} of ${url} for good, with its whole transcript? [y/N] `,
  notDeleted: (meeting: string): Problem => [
    `meeting ${meeting} was not deleted.`,
    'Answer y, or pass --yes.',
  ],
  cannotAsk: [
    'cannot ask for confirmation: this is not a terminal.',
    'Pass --yes to delete without confirmation.',
  ],
} as const;

/** `meetcast serve`, and what it stands on. */
export const serveNote = {
  listening: (url: string) => `listening on ${url}`,
  stopping: (signal: string) =>
    `${signal}: shutting down gracefully. New connections are refused, and the last words are being stored.`,
  inMemory: 'Transcripts are kept in memory only and are lost when this process ends.',
  storedIn: (place: string) => `Transcripts are stored in ${place}`,
  postgresAway: (place: string, why: string) =>
    `${place} cannot be reached (${why}). Nothing can be stored until it is back.`,
  redisAway: (place: string, why: string) =>
    `${place} cannot be reached (${why}). Until it is back, this node works alone and the other nodes do not hear of it.`,
  isBack: (place: string) => `${place} is connected.`,
  inCluster: (storage: string, redis: string) =>
    `This is one node of the cluster on ${storage} and ${redis}.`,
  thisMachine: (folder: string) => `this machine with transcripts in ${folder}`,
  thisPostgres: 'this PostgreSQL',
  secretPerNode: 'Each node generates a secret of its own. Set the same SECRET_KEY on all of them.',
  weakSecret: (bytes: number, least: number) =>
    `SECRET_KEY has ${bytes} bytes. Use ${least} or more: a shorter one can be guessed from a token.`,
  secretMade: (kept: string) =>
    `No SECRET_KEY or JWT_PUBLIC_KEY_PATH is set: a secret was generated, ${kept}.`,
  secretForThisRun: 'for this run only',
  secretKeptIn: (path: string) => `kept in ${path}`,
  forOtherCommands: 'To use the other commands for a day, run:',
  deepgram: (host: string) => `Speech is transcribed by ${host}.`,
  keyless: (endpoint: string, key: string) =>
    `No DEEPGRAM_API_KEY is set: ${endpoint} is on this machine and gets the key "${key}".`,
  simulator:
    'No DEEPGRAM_API_KEY is set: the built-in simulator transcribes. It understands only audio of `meetcast wav`.',
} as const;

export const serveProblem = {
  keyNeeded: (host: string): Problem => [
    `DEEPGRAM_ENDPOINT is on another machine (${host}), and DEEPGRAM_API_KEY is not set.`,
    'Set DEEPGRAM_API_KEY. Only an endpoint on this machine works without.',
  ],
  memoryInCluster: [
    'REDIS_URL joins this hub to others, and with --memory they cannot read what it stores.',
    'Set DATABASE_URL=postgres://… on every node. For several on this machine, one --data folder will do.',
  ],
  folderUnusable: (folder: string, why: string): Problem => [
    `cannot store anything in ${folder}: ${why}`,
    'Pass another --data, or --memory to store nothing.',
  ],
  secretFileEmpty: (path: string) => `${path} is empty. Remove it`,
  portTaken: (at: string): Problem => [
    `${at} is already in use.`,
    'Stop what listens there, or pass --port 0 for a free port.',
  ],
  portForbidden: (at: string): Problem => [
    `listening on ${at} is not allowed.`,
    'Pass a --port of 1024 or more.',
  ],
  notOurAddress: (host: string): Problem => [
    `${host} is not an address of this machine.`,
    'Pass another --host.',
  ],
  cannotListen: (at: string, why: string): Problem => [`cannot listen on ${at}: ${why}`],
} as const;

/** `meetcast simulator`. */
export const simulatorNote = {
  forHub: (endpoint: string) => `For a hub: DEEPGRAM_ENDPOINT=${endpoint}`,
  fault: (fault: string) => `Fault: ${fault}`,
  summary: (seconds: string, streams: string, refused: number) =>
    `Received ${seconds} s of audio on ${streams}. Refused: ${refused}.`,
} as const;

/** `meetcast smoke`. */
export const smokeNote = {
  saying: (words: string, meeting: string, url: string) =>
    `Sending ${words} to meeting ${meeting} of ${url} …`,
  missing: (place: number, word: string, from: readonly string[]) =>
    `missing: word ${place}, "${word}", was not ${from.join(' and not ')}`,
  unexpected: (place: number, word: string, from: readonly string[]) =>
    `unexpected: "${word}" after word ${place} was ${from.join(' and ')}`,
  passed: 'Every word was stored and seen, once and in order.',
  timedOut: (seconds: number): Problem => [`not finished within ${seconds} s.`],
  failed: ['the hub did not return the words that were sent.', 'The lines above name each word.'],
} as const;

/** `meetcast chaos`. What went wrong in a scenario is told by `@meetcast/testing/chaos`. */
export const chaosNote = {
  needs: { hub: 'any hub', secret: 'the hub’s secret', local: '--local' },
  starting: (scenarios: string, url: string | undefined, shape: string, seed: number) =>
    `${scenarios} on ${url ?? 'its own hubs'}, ${shape}, --seed ${seed}`,
  lacks: {
    mint: 'it creates tokens of its own: pass --secret or set SECRET_KEY',
    process: 'with --memory nothing outlives the hub’s process',
  },
  passed: 'No word was lost, none came twice, and each is where it was said.',
} as const;

export const chaosProblem = {
  memoryNeedsLocal: ['--memory works only with --local.'],
  seeList: 'Run `meetcast chaos --list` to see all.',
  passLocal: 'Pass --local.',
  useSimulator: 'Let it transcribe with `meetcast simulator`, or try `meetcast chaos --local`.',
  seeSmoke: 'See `meetcast smoke`.',
  failed: (what: string, seed: number): Problem => [
    `${what}.`,
    `Pass --seed ${seed} to repeat the same words.`,
  ],
  stopped: (what: string): Problem => [`stopped: ${what}.`],
  outOfTime: (why: string, what: string): Problem => [
    `${why}: ${what}.`,
    'Pass a longer --time-limit, or fewer scenarios with --only.',
  ],
  silentProcess: ['the hub’s process says nothing.'],
  endedProcess: ['the hub’s process ended before it listened.'],
} as const;

/** `meetcast demo`. */
export const demoNote = {
  opening: 'A meeting with two sources, transcribed live: one process, no services, no keys.',
  parts: (hub: string, simulator: string, length: string) =>
    `Hub ${hub} · Deepgram simulator ${simulator} · ${length} long`,
  joinsLate: 'joins late',
  caughtUp: (entries: string) => `has caught up with ${entries} of history`,
  cut: (entry: number) => `loses its connection after entry ${entry}`,
  resumed: (missed: string | undefined) =>
    missed === undefined ? 'is back, and missed nothing' : `is back, and got the ${missed} it had missed`,
  passed: (words: number) => `\nAll ${words} spoken words were stored and seen by every viewer.`,
  same: '✓ the same words in the same order',
  differs: (missing: number, unexpected: number) => `✗ ${missing} missing, ${unexpected} unexpected`,
  interrupted: ['stopped before the meeting ended.'],
  unfinished: ['the meeting did not end: somebody is still waiting for words.'],
  failed: ['words were lost, repeated or changed.'],
} as const;

/** Somebody else's words, as a sentence. */
export function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}
