/**
 * What the hub says to people, grouped by where they read it. Each text says what happened and, where a reader can act,
 * what to do: whole sentences, with their full stop. What names a field, `"limit": expected …`, is no sentence and has
 * none. Only the texts are here and may change; the words that programs read are the wire's.
 */

/** The `message` of a status: in the log, or for those who are there. */
export const statusText = {
  started: 'Audio started.',
  resumed: 'Audio resumed.',
  offRecord: 'Off the record: audio is not transcribed.',
  onRecord: 'On the record again.',
  ending: 'Audio ended. The last words follow.',
  ended: 'Transcript complete.',
  sourceEnded: 'The transcript of this source is complete. The meeting continues.',
  idle: 'Nobody is sending audio.',
  reconnecting: (reason: string) => `${whole(reason)} Reconnecting to the speech recognizer …`,
  tokenExpiring: (seconds: number) =>
    `The token expires in ${seconds} s. Send {"type":"auth","token":"…"} with a fresh one.`,
} as const;

/** A status about something that the hub stands on. */
export const outageText = {
  storage: {
    degraded: 'The transcript cannot be stored at the moment. New words will appear once storage is back.',
    recovered: 'Storage is back, and every word is stored.',
  },
  redis: {
    degraded: 'This node cannot reach the other nodes. What happens there may appear a second late.',
    recovered: 'This node reaches the other nodes again. Nothing is missing.',
  },
} as const;

/** The answer to a handshake or to a viewer who joins. */
export const welcomeText = {
  sender: 'Send audio.',
  viewer: (meeting: string) => `Watching ${meeting}.`,
} as const;

/** Why a token opens nothing, or no longer. */
export const tokenText = {
  missing: 'No token was sent. Send one as an Authorization header, as a sub-protocol or as ?token=.',
  missingHeader: 'No token was sent. Send one as "Authorization: Bearer …".',
  expired: 'The token has expired. Get a fresh one and connect again.',
  notValid: 'The token is not a valid JWT.',
  wrongSignature: 'The token’s signature is not valid. It was signed with another key.',
  wrongAlgorithm: 'The token’s signature algorithm is not accepted here.',
  claimMissing: (claim: string) => `The token has no "${claim}" claim.`,
  claimUnexpected: (claim: string) => `The token’s "${claim}" claim is not the expected one.`,
  claimNotValid: (claim: string) => `The token has no valid "${claim}" claim.`,
  ofSomebodyElse: 'The fresh token is of another user or tenant. Connect again to use it.',
  notChecked: 'The hub could not check the token. Connect again.',
  forbidden: (role: string, action: string) => `The role "${role}" is not allowed to ${action} here.`,
} as const;

/** The `message` of the `error` that goes before a close. */
export const closeText = {
  shuttingDown: 'This node is shutting down. Connect again.',
  failed: 'The hub failed. Connect again.',
  failedInMeeting: 'The hub failed. Connect again to resume.',
  unreadable: 'The hub could not read the meeting. Connect again to resume.',
  newLog: 'The meeting has a new log. Connect again.',
  tooSlow: 'The connection is too slow for this meeting. Connect again to resume.',
  notRead: 'Nothing is read from this connection. Connect again to resume.',
  tooManyViewers: (most: number) => `This meeting already has ${most} viewers. Try again later.`,
  tooManyConnections: 'Too many connections from this address. Wait some seconds.',
  tooManyMessages: 'Too many messages. A viewer needs to send only pings and fresh tokens.',
  binaryFromViewer: 'A viewer sends text only. Send audio to the ingest address.',
  tooManyHandshakes: 'This source connects too often. Wait some seconds.',
  handshakeTimedOut: (seconds: number) => `No handshake was sent within ${seconds} s.`,
  beforeHandshake: (type: string) => `"${type}" was sent before the handshake. Send the handshake first.`,
  audioBeforeHandshake: 'Audio was sent before the handshake. Send the handshake first.',
  tooMuchBeforeAnswer: 'Another connection is sending this source. Wait for handshake_ack before you send.',
  secondHandshake: 'A second handshake was sent. Use one connection for each session.',
  sourceTaken: (source: string) =>
    `Somebody else is already sending the source "${source}" of this meeting. Stop that sender, or send another source.`,
  connectedAgain: 'The same session has connected again. This connection is no longer used.',
  superseded: 'This session continues on another connection.',
  frameTooLarge: (bytes: number, most: number) =>
    `An audio frame has ${bytes} bytes. Send at most ${most} at a time.`,
  frameUneven: (bytes: number) =>
    `An audio frame has ${bytes} bytes, which is not a whole number of samples.`,
} as const;

/** The `detail` of an HTTP answer that is an error. */
export const problemText = {
  shuttingDown: 'This node is shutting down. Ask again.',
  failed: 'The hub failed and has logged why. Try again.',
  noMeeting: (id: string) => `There is no meeting "${id}".`,
  noAddress: 'There is nothing at this address.',
  notMeetingId: 'A meeting id is 1–128 characters of A–Z a–z 0–9 . _ : -',
  wrongSubprotocol: (subprotocol: string) => `Offer the sub-protocol "${subprotocol}", or none.`,
  webSocketOnly: 'This address is a WebSocket. Connect with ws:// or wss://.',
  methodNotAllowed: (method: string, allowed: string) =>
    `${method} is not possible at this address. Use ${allowed}.`,
  bodyTooLarge: (most: number) => `The body is too large. Send at most ${most} bytes.`,
  bodyNotUtf8: 'The body is not valid UTF-8.',
  storeBehind: 'Too many entries wait to be stored. Post the event again later.',
} as const;

/** What a field of a query, a header or a handshake should have been. */
export const expectedText = {
  source: '"source": expected "mic" or "system"',
  sameSource: (inAddress: string, inHandshake: string) =>
    `"source": expected "${inAddress}", as in the address, got "${inHandshake}"`,
  since: '"since": expected a seq: 0, 1, 2 …',
  history: '"history": expected "all", "none" or a number of entries',
  lastEventId: '"Last-Event-ID": expected the id of an event of this stream, such as 01JNA7:42',
  wholeNumber: (least: number, most: number) => `expected a whole number from ${least} to ${most}`,
  cursor: 'expected the "next" of an earlier page',
  format: (formats: string) => `expected ${formats}`,
  queryWithin: (characters: number, words: number) =>
    `expected at most ${characters} characters and ${words} words`,
  query: 'expected a word to look for',
} as const;

/** Why a recognizer gives no words, or does so again. Each is one sentence: its sender and the viewers read it. */
export const recognizerText = {
  failed: 'The speech recognizer failed.',
  endedEarly: 'The speech recognizer ended the stream early.',
  tooSlow: 'The speech recognizer reads audio too slowly.',
  noAnswer: (seconds: number) => `The speech recognizer has not answered for ${seconds} s.`,
  noWords:
    'The speech recognizer has returned no words for a long time although somebody seems to be speaking.',
  failsOften: (reason: string, times: number) =>
    `${bare(reason)}; it has failed ${times} times in a row and is now tried less often.`,
  wrongChannels: (got: number, expected: number) =>
    `The speech recognizer returned results for ${got} channels instead of ${expected}.`,
  connectedAgain: 'The speech recognizer is connected again.',
  answersAgain: 'The speech recognizer is answering again.',
  noWordsEither: 'Another stream of the speech recognizer finds no words there either.',
  unavailable: 'The speech recognizer is unavailable.',
  yieldsToNewSender: 'The speech recognizer is unavailable, and another sender wants to send this source.',
  noLastWords: (seconds: number) => `The speech recognizer has not returned the last words for ${seconds} s.`,
  hubClosed: 'The hub shut down before the last words arrived.',
} as const;

/** The same, of Deepgram. */
export const deepgramText = {
  refused: (status: number, detail: string | undefined) => {
    const why = detail === undefined ? '' : `, ${bare(detail)}`;
    return `Deepgram refused the stream (${status}${why})${deepgramAdvice[status] ?? '.'}`;
  },
  closedEarly: (code: number, reason: string) =>
    `Deepgram closed the stream before its last words (${code}${reason ? `, ${bare(reason)}` : ''}).`,
  unreachable: (why: string) => `Deepgram cannot be reached: ${whole(why)}`,
  noConnection: 'The Deepgram SDK opened no connection.',
} as const;

const deepgramAdvice: Readonly<Record<number, string>> = {
  401: ': check DEEPGRAM_API_KEY.',
  402: ': the Deepgram project is out of credit.',
  403: ': check that the key has access to this model.',
  429: ': too many streams at once.',
};

/** What whoever runs the hub reads in its log. */
export const operatorText = {
  folderRefuses: (folder: string, why: string, seconds: number) =>
    `Audio cannot be buffered in recovery.folder ${folder} (${why}). During an outage of the speech recognizer, audio older than ${seconds} s may be lost. Make the folder writable, free its disk, or set recovery.folder (or TMPDIR) to another one.`,
  writesLost: (writes: number) =>
    `${writes} ${writes === 1 ? 'write was' : 'writes were'} lost: the hub shut down before everything could be stored.`,
  grantWithoutEnd: (expiresAt: unknown) =>
    `auth returned a grant whose expiresAt is ${String(expiresAt)}. Return the time at which the token expires, in milliseconds since 1970.`,
  notStored: 'The hub shut down before the entry could be stored.',
} as const;

/** The `HELP` lines of `/metrics`. */
export const metricHelp = {
  connections: 'Open connections on this node: senders (ingest) and viewers (subscriber).',
  meetings: 'Meetings with a sender or a viewer on this node.',
  closes: 'WebSocket connections closed by the hub, by reason.',
  messages: 'Messages delivered to viewers, counted once per viewer.',
  audioSeconds:
    'Seconds of audio received from senders, forwarded to the speech recognizer, and covered by stored words or silence.',
  finals: 'Finals stored.',
  finalLag: 'Seconds of audio received after the end of a final until it was stored.',
  gaps: 'Gaps in the transcript: stretches of audio without words.',
  gapSeconds: 'Total length of the gaps, in seconds.',
  repairedSeconds: 'Seconds of these gaps that this hub has since transcribed.',
  unheardBytes: 'Bytes of audio kept to be transcribed later.',
  unheardSeconds: 'Seconds of audio kept to be transcribed later.',
  recognizerState: 'Changes of the connection to the speech recognizer, by new state.',
  outboxBytes: 'Bytes of writes waiting for the store.',
  degraded:
    '1 during an outage: the store is slow or cannot be written, or the other nodes cannot be reached.',
  errors: 'Errors, by the part of the hub they occurred in.',
  buildInfo: 'Version of this hub. The value is always 1.',
  cpuSeconds: 'CPU time used by the process, in seconds.',
  residentBytes: 'Resident memory of the process, in bytes.',
  startTime: 'Start time of the process, in seconds since 1970.',
} as const;

/** Without its full stop, to stand within a sentence. */
function bare(reason: string): string {
  return reason.replace(/\.$/, '');
}

/** What somebody else said, a host's own recognizer for instance, as a sentence. */
function whole(reason: string): string {
  const sentence = reason.charAt(0).toUpperCase() + reason.slice(1);
  return /[.!?…]$/.test(sentence) ? sentence : `${sentence}.`;
}
