/** One requirement of the daemon: what it says in a few words, and where its tests are. */
export interface Requirement {
  readonly says: string;
  /** Files under test/ with at least one test whose title starts with the requirement's number ("R18 ..."). */
  readonly tests: readonly string[];
  /** Where the requirement was found wrong or is met in another way than it was written: why. */
  readonly differs?: string;
}

/** The numbers that pipd answers for: all of the daemon's requirements but those of latency and of the shell prompt, which have their own place. */
export const NUMBERS: readonly number[] = [...Array.from({ length: 63 }, (_, index) => index + 1), 69, 70, 71];

/** Requirement -> tests. requirements.test.ts holds it against the titles of the tests, both ways. */
export const REQUIREMENTS: Readonly<Record<number, Requirement>> = {
  1: {
    says: "the runtime folder is the first private one of five candidates",
    tests: ["protocol/session.test.ts", "server/placement.test.ts"],
    differs:
      "One that a person names with PIPD_RUNTIME_DIR is refused when it is not private (R2), not passed over; only its length makes another one do (R6).",
  },
  2: {
    says: "a runtime folder that is not private is refused, one that its owner left open is closed",
    tests: ["protocol/session.test.ts", "server/placement.test.ts"],
  },
  3: {
    says: "folders are checked through a descriptor and are private from the start",
    tests: ["server/placement.test.ts"],
  },
  4: {
    says: "whatever the umask, nothing that the daemon makes is open to others",
    tests: ["server/placement.test.ts"],
  },
  5: { says: "the socket's public name is never open to others", tests: ["server/placement.test.ts"] },
  6: { says: "a path too long for a socket gives way to the next", tests: ["server/placement.test.ts"] },
  7: { says: "no abstract socket, no TCP", tests: ["server/placement.test.ts"] },
  8: {
    says: "the client looks at folder and socket before it sends anything",
    tests: ["protocol/session.test.ts", "server/placement.test.ts"],
  },
  9: {
    says: "each side proves that it knows the secret, which never travels",
    tests: ["server/connections.test.ts", "server/squatter.test.ts"],
  },
  10: {
    says: "without a handshake only initialize is answered, 5 s, 16 at a time",
    tests: ["server/connections.test.ts"],
  },
  11: { says: "after sudo, root has its own daemon", tests: ["protocol/session.test.ts", "server/placement.test.ts"] },
  12: {
    says: "on Windows a pipe with a random name, published in the profile",
    tests: ["protocol/windows.test.ts"],
    differs:
      "There is no Windows to run it on: names, places and what is accepted from the file are pure functions with tests.",
  },
  13: {
    says: "HTTP is off; by a socket of one's own if asked, by a port only if asked, with token, known Host and no Origin",
    tests: ["server/http.test.ts"],
  },
  14: { says: "no secret is in log, status, metrics, traces or crash reports", tests: ["server/secrets.test.ts"] },
  15: { says: "frames are limited before the library sees them", tests: ["server/connections.test.ts"] },
  16: {
    says: "what is malformed ends its own connection",
    tests: [
      "deep/launcher.deep.ts",
      "client/scripted-daemon.test.ts",
      "server/connections.test.ts",
      "server/fuzz.test.ts",
      "deep/peers.deep.ts",
    ],
  },
  17: {
    says: "a lock that the system frees elects the daemon; nothing else opens its file",
    tests: ["architecture.test.ts", "server/start.test.ts"],
    differs:
      "The daemon takes it itself, first of all, and not the client before it starts one: Node cannot hand a lock on. Failures reach the terminal through the pipe of R20.",
  },
  18: {
    says: "fifty clients at once, a fifth of them killed: one daemon, no failure",
    tests: ["deep/start-race.deep.ts", "server/start.test.ts"],
  },
  19: { says: "losers leave with 75 and touch nothing; at most five processes", tests: ["server/start.test.ts"] },
  20: {
    says: "a start says how it went through a pipe; ten seconds, reason and last lines",
    tests: ["deep/start-race.deep.ts", "server/start.test.ts"],
  },
  21: {
    says: "a stale socket is no more than a cold start",
    tests: ["deep/start-race.deep.ts", "server/stale.test.ts"],
  },
  22: { says: "pids in files decide nothing", tests: ["server/stale.test.ts"] },
  23: { says: "the daemon is detached from who started it", tests: ["server/lifecycle.test.ts"] },
  24: {
    says: "a daemon whose files are not its own any more finishes and leaves",
    tests: ["deep/start-race.deep.ts", "server/stale.test.ts"],
  },
  25: {
    says: "stop makes itself unreachable before it answers",
    tests: ["deep/start-race.deep.ts", "server/lifecycle.test.ts", "server/start.test.ts"],
  },
  26: {
    says: "runs finish up to a deadline when the daemon retires, then they are cancelled, then killed",
    tests: ["server/ending.test.ts", "server/activation.test.ts"],
  },
  27: {
    says: "an idle daemon leaves, editors keep it, and whoever comes at that moment does not notice",
    tests: ["server/lifecycle.test.ts", "server/ending.test.ts"],
  },
  28: {
    says: "status answers within 50 ms while eight installs run",
    tests: ["server/status.test.ts"],
    differs:
      "95 of 100 answers are held to it, without the time in which the machine gave the daemon no processor, in the best of three rounds: a daemon that has just started compiles its code for longer once or twice.",
  },
  29: {
    says: "the same with the daemon and without",
    tests: ["client/run.test.ts", "scenarios/parity.test.ts", "deep/parity.deep.ts"],
    differs:
      "Two things only a process that stays can do: byte code is there a moment after the command instead of before its end, and a host that was down a moment ago is not tried again, which the warning says.",
  },
  30: {
    says: "where sockets are forbidden the command runs by itself, with one hint",
    tests: ["server/stale.test.ts", "server/sandboxed.test.ts"],
  },
  31: {
    says: "a command the daemon had not accepted runs elsewhere; one it had is told of, with the state it left",
    tests: ["client/scripted-daemon.test.ts", "client/lost.test.ts"],
  },
  32: { says: "both sides say their builds and protocols; a mismatch is typed", tests: ["server/connections.test.ts"] },
  33: {
    says: "the newer build stays, the older does without, two cost one restart",
    tests: [
      "deep/start-race.deep.ts",
      "protocol/session.test.ts",
      "server/connections.test.ts",
      "server/versions.test.ts",
    ],
  },
  34: { says: "a build put in place on the disk serves the next command", tests: ["server/versions.test.ts"] },
  35: {
    says: "a restart says why, once, and in status",
    tests: ["protocol/session.test.ts", "server/stale.test.ts", "server/versions.test.ts"],
  },
  36: {
    says: "another machine or mount namespace has another daemon",
    tests: ["protocol/session.test.ts", "server/connections.test.ts", "server/stale.test.ts"],
  },
  37: {
    says: "answers are keyed by everything they depend on",
    tests: [
      "scenarios/isolation.test.ts",
      "scenarios/spares.test.ts",
      "index/network.test.ts",
      "install/spares.test.ts",
      "deep/isolation.deep.ts",
    ],
  },
  38: {
    says: "the caller's world comes with the request",
    tests: ["client/run.test.ts", "scenarios/isolation.test.ts", "deep/isolation.deep.ts", "client/terminal.test.ts"],
  },
  39: {
    says: "children get the caller's environment, folder and umask",
    tests: ["scenarios/isolation.test.ts", "deep/isolation.deep.ts"],
    differs:
      "Node has one umask for all children: the caller's is passed as an argument and set by the child's first line. The processes that compile byte code for the store serve all callers: they get an empty environment, which is nobody's.",
  },
  40: {
    says: "arguments and paths travel byte for byte",
    tests: ["client/raw-bytes.test.ts"],
    differs:
      "Only Linux tells a process the bytes of its arguments (/proc); elsewhere they are what Node decodes. pip itself breaks down over wheels, environments and find-links in folders that are not UTF-8: pipd refuses them in one line. A cache folder must be UTF-8, since SQLite wants that.",
  },
  41: {
    says: "output arrives in order, on its own descriptor",
    tests: ["client/run.test.ts", "client/api.test.ts", "scenarios/parity.test.ts", "deep/parity.deep.ts"],
  },
  42: {
    says: "exit codes are pip's, a signal is a field of its own",
    tests: ["client/run.test.ts", "scenarios/parity.test.ts", "deep/parity.deep.ts"],
  },
  43: {
    says: "Ctrl-C once cancels, twice leaves",
    tests: ["client/run.test.ts", "client/terminal.test.ts", "install/trash.test.ts"],
  },
  44: {
    says: "a client's death frees everything within a second",
    tests: [
      "scenarios/client-death.test.ts",
      "scenarios/killed.test.ts",
      "scenarios/waiting.test.ts",
      "deep/kill.deep.ts",
    ],
  },
  45: {
    says: "a stopped client costs disk, not memory",
    tests: [
      "client/scripted-daemon.test.ts",
      "client/run.test.ts",
      "server/connections.test.ts",
      "deep/peers.deep.ts",
      "server/spill.test.ts",
      "client/terminal.test.ts",
    ],
  },
  46: { says: "the terminal's size is the client's", tests: ["client/run.test.ts", "client/terminal.test.ts"] },
  47: { says: "colours are decided by the client's terminal and variables", tests: ["client/run.test.ts"] },
  48: { says: "a broken pipe is one line and exit 120", tests: ["client/run.test.ts"] },
  49: { says: "5 MB to a slow pipe are complete", tests: ["client/run.test.ts"] },
  50: {
    says: "questions are asked by the daemon, input is pulled",
    tests: ["client/run.test.ts", "client/terminal.test.ts"],
  },
  51: {
    says: "what asks for credentials runs at the client, never in the daemon",
    tests: ["client/terminal.test.ts"],
    differs:
      "pipd has no keyring support yet: `--keyring-provider` is refused. What holds is that neither the daemon nor a program that it starts has a terminal to ask on.",
  },
  52: {
    says: "run, exec and shell are executed by the client from a plan of the daemon",
    tests: ["client/terminal.test.ts"],
    differs:
      "These commands do not exist yet: they are refused with exit 2, and `run/start` has no `exec` in its answer.",
  },
  53: {
    says: "one change at a time in an environment; those who wait are told for whom",
    tests: ["scenarios/waiting.test.ts"],
    differs:
      "The pid is the client's, which a person has started and may end, not that of the daemon that works for everybody.",
  },
  54: {
    says: "also among processes and daemons that share no folder but the environment",
    tests: ["scenarios/waiting.test.ts"],
  },
  55: { says: "reading never waits", tests: ["scenarios/waiting.test.ts"] },
  56: {
    says: "killed at any point, an environment is the old or the new one after the next command",
    tests: [
      "client/lost.test.ts",
      "install/killed.test.ts",
      "install/spares.test.ts",
      "install/trash.test.ts",
      "scenarios/killed.test.ts",
      "scenarios/spares.test.ts",
      "scenarios/disk.test.ts",
      "deep/kill.deep.ts",
      "deep/spares.deep.ts",
      "deep/disk-faults.deep.ts",
    ],
    differs: "Old or new holds for the whole command, not only per distribution.",
  },
  57: {
    says: "heavy or crash-prone work runs in threads and processes of its own, and the event loop stays free",
    tests: ["server/resources.test.ts", "deep/resources.deep.ts"],
    differs:
      "Unpacking, linking of many files, large pages and byte code leave the main thread. The resolver stays on it: it waits for pages most of the time, " +
      "gives the loop its turn every 10 ms of solving, and its memory is what makes the next resolution fast. The bound of 50 ms is held in the long " +
      "round; the short one, beside other tests, only sees to it that nothing blocks for good.",
  },
  58: {
    says: "above a soft limit of memory for a minute an idle daemon makes place; commands do not make it grow",
    tests: ["server/rest.test.ts", "server/resources.test.ts", "deep/resources.deep.ts"],
    differs:
      "The growth of at most a tenth is measured over a thousand commands after a hundred, in the long round; the short one has a hundred after thirty, " +
      "when the heap has not settled yet, and allows a fifth. The hard limit is the unit's MemoryMax.",
  },
  59: {
    says: "an idle daemon hardly wakes, and is small, also after large work",
    tests: ["index/project.test.ts", "server/rest.test.ts", "server/resources.test.ts", "deep/resources.deep.ts"],
    differs:
      "After large work it is small again two minutes later: until then what it has read, and warm threads, are worth more than the memory.",
  },
  60: {
    says: "a private log, rotated 5 x 5 MB, that can be followed; a doctor with a verdict and a file without credentials",
    tests: ["server/log.test.ts", "server/doctor.test.ts"],
  },
  61: {
    says: "a crash is described in a file, told to those who wait, and after three the daemon is left alone for a while",
    tests: ["client/run.test.ts", "server/crash.test.ts"],
    differs:
      "What counts is a fault that JavaScript sees. A daemon that is killed, also for want of memory, leaves no file and does not count: it could not be told from a kill -9, after which the next command must find a daemon (R21).",
  },
  62: {
    says: "a runtime folder that was removed: the daemon leaves, the next starts fresh",
    tests: ["deep/start-race.deep.ts", "server/stale.test.ts"],
  },
  63: {
    says: "nothing is asked for in the background",
    tests: ["server/resources.test.ts", "deep/resources.deep.ts"],
    differs:
      "There is no background refresh: what goes on after a command is byte code, trash and the trimming of the store, all of it without the network. " +
      "So no index is asked unless a command asks it, metered or not.",
  },
  69: {
    says: "a socket that systemd hands over is used as it is; the wrong process or count is fatal",
    tests: ["server/activation.test.ts"],
  },
  70: {
    says: "socket activation, hand start and client start live together under one lock",
    tests: ["server/activation.test.ts"],
    differs:
      "The unit has no Restart=: the next connection starts the daemon, so nothing can loop. An activated daemon that finds the lock taken closes the connections that wait before it leaves with 75: left in the queue they would start it again at once.",
  },
  71: {
    says: "the units pass systemd-analyze --user verify",
    tests: ["client/install-service.test.ts"],
    differs:
      "systemd-analyze checks them where it is installed; everywhere their lines are held against the documented settings. TimeoutStopSec is 45 s and not 20, because R26 gives runs 35. MemoryMax is 4 GB for the daemon with all that it runs; the daemon's own limit is R58's. No StateDirectory= and the like: systemd 252 puts a user's state into the configuration folder. ListenStream is written for this user and machine, because R36 makes the folder's name depend on them.",
  },
};
