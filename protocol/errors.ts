/** What a named error means to a shell (exit status) and to a program (JSON-RPC number). */
export interface ErrorMeaning {
  readonly exit: number;
  readonly rpc: number;
  readonly meaning: string;
  /** What a person can do about it, where that does not depend on the case; errors that know more say it themselves. */
  readonly remedy?: string;
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

function failure(
  meaning: string,
  exit: number = EXIT.error,
  rpc: number = COMMAND_FAILED,
  remedy?: string,
): ErrorMeaning {
  return { exit, rpc, meaning, ...(remedy === undefined ? {} : { remedy }) };
}

/** Every error code of the program, once. A test compares it with the codes that the daemon's source makes. */
const table = () =>
  ({
    // Of JSON-RPC and LSP
    "parse-error": failure("The frame's body is not JSON.", EXIT.internal, -32700),
    "invalid-request": failure("The message is not a JSON-RPC request.", EXIT.internal, -32600),
    "method-not-found": failure("No such method.", EXIT.internal, -32601),
    "invalid-params": failure("The parameters have another form than the method's.", EXIT.internal, -32602),
    "internal-error": failure(
      "A fault in pipd; the log has the details.",
      EXIT.internal,
      -32603,
      "Run it again with `--no-daemon`; if that works, `pipd daemon restart`. Report it with the file of `pipd daemon doctor`.",
    ),
    "not-initialized": failure("Something came before the handshake was complete.", EXIT.internal, -32002),
    "request-cancelled": failure("The caller cancelled the request.", EXIT.interrupted, -32800),
    "server-cancelled": failure("The daemon ended the request.", EXIT.error, -32802, "Run the command again."),
    // Of the connection
    "version-mismatch": failure(
      "The two builds cannot work together; `action` says what the client should do, `reason` why.",
      EXIT.internal,
      1001,
      "`pipd daemon restart`; if two versions are installed, remove one of them.",
    ),
    "authentication-failed": failure(
      "The proof of the secret is wrong.",
      EXIT.internal,
      1002,
      "Something else answers at the socket: `pipd daemon doctor` names it. End that process, or remove the socket.",
    ),
    "foreign-namespace": failure(
      "The caller sees another machine or file system than the daemon.",
      EXIT.internal,
      1003,
      "Nothing: commands in a container or on another machine have a daemon of their own, or run without one.",
    ),
    retiring: failure(
      "The daemon takes no new work; `retryAfterMs` later another one can be started.",
      EXIT.internal,
      1004,
      "Run the command again in a moment.",
    ),
    "frame-too-large": failure(
      "A frame over the limit.",
      EXIT.internal,
      1011,
      "Pass long lists in a file (`-r`) instead of on the command line.",
    ),
    "too-many-connections": failure(
      "Too many connections that have not finished their handshake.",
      EXIT.internal,
      1013,
      "A program connects and says nothing: `pipd daemon log` has the times. `pipd daemon restart` closes all.",
    ),
    "unsafe-folder": failure(
      "A runtime folder or socket that others could have made or could open.",
      EXIT.usage,
      1014,
      "Give the path back to yourself with mode 0700, remove it, or set PIPD_RUNTIME_DIR to a folder of your own.",
    ),
    "daemon-died": failure(
      "The daemon ended while the command ran.",
      EXIT.error,
      1015,
      "Run the command again: it repairs what was left. `pipd daemon log` may say why.",
    ),
    "sockets-forbidden": failure(
      "The system does not let a socket be made or used here.",
      EXIT.error,
      1030,
      "Nothing is needed, commands run without the daemon; in a sandbox allow sockets at that path, or set PIPD_DAEMON=0 to hear no more of it.",
    ),
    "lost-election": failure(
      "Another daemon has just been started.",
      EXIT.lostElection,
      1017,
      "Nothing: the other daemon answers.",
    ),
    "bad-activation": failure(
      "systemd did not hand over the daemon's socket.",
      EXIT.usage,
      1018,
      "Start it with `systemctl --user start pipd.socket`, not by hand with the variables of systemd; `pipd daemon install-service` puts the units right.",
    ),
    "daemon-start-failed": failure(
      "No daemon could be started.",
      EXIT.error,
      1016,
      "The message names the file at fault; commands run without the daemon meanwhile. `pipd daemon doctor` says more.",
    ),
    // Of HTTP
    "origin-refused": failure(
      "A request of a web page.",
      EXIT.internal,
      1020,
      "Ask from a program, not from a web page.",
    ),
    "host-refused": failure(
      "A request to a name that is not this machine's.",
      EXIT.internal,
      1021,
      "Ask for 127.0.0.1 or localhost with the port, or for localhost by the socket.",
    ),
    "token-refused": failure(
      "The bearer token is missing or wrong.",
      EXIT.internal,
      1022,
      "Send `Authorization: Bearer` with the content of the file `http-token` beside the socket; it is new with each start.",
    ),
    "no-such-path": failure("Nothing is served at that path.", EXIT.internal, 1023, "`/openapi.json` has the paths."),
    // Of environments
    "environment-locked": failure(
      "Another command is changing the environment and `--no-wait` was given.",
      EXIT.locked,
      1010,
    ),
    "lock-failed": failure("A lock file cannot be made or locked."),
    "environment-unwritable": failure("The environment's folders cannot be written."),
    "externally-managed-environment": failure("The environment belongs to the system's package manager (PEP 668)."),
    "broken-environment": failure("The environment has lost its interpreter or its configuration."),
    "invalid-installed-metadata": failure("An installed distribution whose metadata cannot be read."),
    "broken-python": failure("The interpreter does not run, or answers nonsense."),
    "python-not-found": failure("There is no such interpreter."),
    "unsupported-python": failure("The interpreter is too old or of another kind."),
    "user-site-unavailable": failure("`--user` is not possible here."),
    "target-not-folder": failure("`--target` is there and is not a folder."),
    "invalid-scheme": failure("An interpreter gives no usable folders for installing."),
    "venv-not-writable": failure("The folder for a new environment cannot be written."),
    "venv-target-refused": failure("What is at the place for a new environment must not be replaced."),
    "rollback-failed": failure("A change could not be undone; the message says what is left."),
    "uninstall-distutils-installed-package": failure("A distribution installed by distutils has no list of its files."),
    "uninstall-no-record-file": failure("A distribution without RECORD cannot be removed."),
    // Of requirements and configuration
    "invalid-requirement": failure("A requirement that cannot be read."),
    "invalid-constraint": failure("A constraint that is not allowed."),
    "invalid-options": failure("Options that do not go together."),
    "invalid-configuration": failure("A configuration file that cannot be read."),
    "no-requirements": failure("Nothing was asked for."),
    "requirements-file": failure("A requirements file that cannot be read."),
    "unreadable-file": failure("A file that is there and cannot be read."),
    "unwritable-file": failure("A file that cannot be written."),
    "unsafe-path": failure("A path that leads out of its folder."),
    "not-supported-yet": failure("Something of pip that pipd does not have yet.", EXIT.usage),
    "resolution-impossible": failure("The requirements contradict each other."),
    "no-matching-distribution": failure("No version fits."),
    "requires-python": failure("No version is for this Python."),
    "source-not-supported": failure("Only a source distribution is there, which pipd cannot build yet."),
    // Of indexes and files
    "index-unreachable": failure("An index could not be reached and no other has the project."),
    "request-failed": failure("A request failed for good."),
    "http-status": failure("An index answered with an error."),
    "invalid-page": failure("An index page that cannot be read."),
    "bad-redirect": failure("A redirection that is not followed."),
    "too-many-redirects": failure("Too many redirections."),
    "certificate-file": failure("A certificate file that cannot be read."),
    "certificate-invalid": failure("The other side's certificate is not trusted."),
    "download-not-saved": failure("A downloaded file could not be written."),
    "hash-mismatch": failure("A file has another hash than was announced or asked for."),
    "hash-missing": failure("Hashes are required and one was not given."),
    "hash-unpinned": failure("Hashes are required and a requirement is not pinned."),
    "wrong-length": failure("A file does not end where it should."),
    "invalid-filename": failure("A name of a wheel or source distribution that breaks its specification."),
    "no-metadata": failure("A file without core metadata."),
    "invalid-wheel": failure("A wheel that breaks its specification."),
    "unsupported-wheel": failure("A wheel for another platform or of an unknown version."),
    "invalid-entry-point": failure("A script of a wheel that cannot be made."),
    "store-unwritable": failure("The store of unpacked wheels cannot be written."),
    "store-damaged": failure("A wheel in the store has changed."),
    // Of the program's own parts
    "compiler-failed": failure("Python could not compile modules."),
    "worker-crashed": failure("A worker thread ended in the middle of its work."),
    "worker-pool-closed": failure("Work was given to workers that have been let go."),
  }) as const satisfies Record<string, ErrorMeaning>;

/** The table. Marked as free of effects: a bundle that uses no row has none, which counts where each start is measured. */
export const ERRORS: ReturnType<typeof table> = /* @__PURE__ */ table();

export type ErrorCode = keyof typeof ERRORS;

/** The meaning of a code; of one that is not in the table, that of a fault in pipd. */
export function errorMeaning(code: string): ErrorMeaning {
  return Object.hasOwn(ERRORS, code) ? ERRORS[code as ErrorCode] : ERRORS["internal-error"];
}
