/** What a named error means to a shell (exit status) and to a program (JSON-RPC number). */
export interface ErrorMeaning {
  readonly exit: number;
  readonly rpc: number;
  readonly meaning: string;
}

/** pip's own exit statuses (pip/_internal/cli/status_codes.py) and pipd's. */
export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  virtualenvNotFound: 3,
  noMatchesFound: 23,
  locked: 9,
  internal: 70,
  lostElection: 75,
  brokenPipe: 120,
  interrupted: 130,
} as const;

/** JSON-RPC number of an error of a command that has no number of its own: `data.code` names it. */
export const COMMAND_FAILED = 1100;

const failure = (meaning: string, exit: number = EXIT.error, rpc: number = COMMAND_FAILED): ErrorMeaning => ({
  exit,
  rpc,
  meaning,
});

/** Every error code of the program, once. A test compares it with the codes that the daemon's source makes. */
export const ERRORS = {
  // Of JSON-RPC and LSP
  "parse-error": failure("The frame's body is not JSON.", EXIT.internal, -32700),
  "invalid-request": failure("The message is not a JSON-RPC request.", EXIT.internal, -32600),
  "method-not-found": failure("No such method.", EXIT.internal, -32601),
  "invalid-params": failure("The parameters have another form than the method's.", EXIT.internal, -32602),
  "internal-error": failure("A fault in pipd; the log has the details.", EXIT.internal, -32603),
  "not-initialized": failure("Something came before the handshake was complete.", EXIT.internal, -32002),
  "request-cancelled": failure("The caller cancelled the request.", EXIT.interrupted, -32800),
  "server-cancelled": failure("The daemon ended the request.", EXIT.error, -32802),
  // Of the connection
  "version-mismatch": failure(
    "The two builds cannot work together; `action` says what the client should do, `reason` why.",
    EXIT.internal,
    1001,
  ),
  "authentication-failed": failure("The proof of the secret is wrong.", EXIT.internal, 1002),
  "foreign-namespace": failure("The caller sees another machine or file system than the daemon.", EXIT.internal, 1003),
  retiring: failure(
    "The daemon takes no new work; `retryAfterMs` later another one can be started.",
    EXIT.internal,
    1004,
  ),
  "frame-too-large": failure("A frame over the limit.", EXIT.internal, 1011),
  "too-many-connections": failure("Too many connections that have not finished their handshake.", EXIT.internal, 1013),
  "unsafe-folder": failure("A runtime folder or socket that others could have made or could open.", EXIT.usage, 1014),
  "daemon-died": failure("The daemon ended while the command ran.", EXIT.error, 1015),
  "lost-election": failure("Another daemon has just been started.", EXIT.lostElection, 1017),
  "daemon-start-failed": failure("No daemon could be started.", EXIT.error, 1016),
  // Of environments
  "environment-locked": failure(
    "Another command is changing the environment and `--no-wait` was given.",
    EXIT.locked,
    1010,
  ),
} as const satisfies Record<string, ErrorMeaning>;

export type ErrorCode = keyof typeof ERRORS;

/** The meaning of a code; of one that is not in the table, that of a fault in pipd. */
export function errorMeaning(code: string): ErrorMeaning {
  return Object.hasOwn(ERRORS, code) ? ERRORS[code as ErrorCode] : ERRORS["internal-error"];
}
