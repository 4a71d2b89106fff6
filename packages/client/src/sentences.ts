/**
 * What the client says to people, in the order of where they read it: what happened and, where a reader can act, what to
 * do. All are fragments without a full stop, to stand behind "connection lost: " or "error: ". Only the texts are here and
 * may change; programs read the codes and words beside them. What a wrong option should have been is in `check.ts`.
 *
 * Each is an export of its own, and none a property of a table: a browser gets only those that it may show, and no names.
 */

// The `reason` of a connection that was lost, or has ended.
export const closeCalled = 'close() was called';
export const closedWith = (word: string) => `the connection was closed (${word})`;
export const hubDidNotAnswer = 'the hub did not answer in time';
export const hubDidNotGreet = 'the hub did not greet in time';
export const hubIsSilent = 'the hub stopped answering';
export const noSocket = (why: string) => `the socket cannot be opened: ${why}`;
export const noTokenInTime = 'the token function did not answer in time';
export const tokenFailed = (why: string) => `the token function failed: ${why}`;
export const notAToken = (got: string) => `expected a text, got ${got}`;
export const sameTokenAgain = 'the hub refused the token, and there is no other one';

// The same, of a viewer whose meeting is not to be had.
export const entriesMissing = (seq: number) => `entries before ${seq} are missing`;
export const transcriptNotLoaded = (why: string) => `the transcript could not be loaded: ${why}`;
export const hubAnswered = (status: number) => `the hub answered ${status}`;
export const notATranscript = 'the answer is not a transcript';
export const restartedAgain = 'the log was restarted once more';
export const endlessPages = 'the pages of the transcript do not end';

// The same, of a sender.
export const allStored = 'the hub has stored everything';
export const takesNoMore = 'no more audio is taken: finalize() or close() was called';
export const spoolUnreadable = (why: string) => `the spool cannot be read: ${why}`;

// Why a spool is not taken, cannot be opened, or gives no audio.
const orAnother = 'or name another spool';
export const spoolOfAnotherSession = (left: string, now: string) =>
  `the spool holds what is left of ${left}, which is not ${now}: finish that first, ${orAnother}`;
export const spoolOfAnotherLabel = (place: string, left: string, now: string) =>
  `the spool ${place} holds what is left of ${labelled(left)}, not of ${labelled(now)}: finish that first, ${orAnother}`;
const labelled = (label: string) => (label === '' ? 'something without a label' : `"${label}"`);
export const spoolOfAnotherVersion = (place: string) =>
  `the spool ${place} was left by another version of @meetcast/client: finish it with that, ${orAnother}`;
export const noAudioAt = (place: string, at: number) => `the spool ${place} has no audio at ${at}`;

// The same, of one in files.
export const optionsAreAnObject = (given: string) =>
  `fileSpool takes its options as an object: write fileSpool({ folder: ${JSON.stringify(given)} })`;
export const folderNeeded = 'fileSpool needs a folder: write fileSpool({ folder: "./mic.spool" })';
export const lockedByProcess = (folder: string, pid: number, host: string) =>
  `the spool ${folder} is in use by process ${pid} of ${host}: stop that one, ${orAnother}`;
export const changedFromOutside = (folder: string, file: string, how: string) =>
  `the spool ${folder} was changed from outside: ${file} is ${how}. Nothing was removed. Move the folder away to begin anew; what it holds cannot be sent any more`;
export const damagedAt = (byte: number) => `damaged at byte ${byte}`;
export const notWhatFollowed = 'not what followed the file before it';
export const withoutBeginning = 'without its beginning';

// The same, of one in the browser's database.
export const lockedByTab = (name: string) =>
  `the spool ${name} is in use by another tab: close that one, ${orAnother}`;
export const browserGaveUp = 'the browser gave up writing';
export const databaseFailed = 'the browser’s database failed';
