import { fstatSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { PipdError } from "../std/errors.ts";

/** The first descriptor that systemd hands over (sd_listen_fds(3)). */
export const ACTIVATED_DESCRIPTOR = 3;
const SO_ACCEPTCON = 0x10000;
/** Time in which the queue of a socket is emptied, in milliseconds. */
const TURN_AWAY_MS = 50;

/**
 * Checks that systemd has handed this process (`pid`) exactly one socket, and that clients look for the daemon there (R69).
 * @param variables `LISTEN_PID` and `LISTEN_FDS` as systemd has set them.
 * @throws PipdError `bad-activation`.
 */
export function checkActivation(
  variables: Readonly<Record<string, string | undefined>>,
  pid: number,
  socket: string,
): void {
  const refuse = (reason: string): never => {
    throw new PipdError("bad-activation", `--socket-activation: ${reason}`, {
      hint: "Let systemd start it: `pipd daemon install-service` writes the units.",
    });
  };
  const { LISTEN_PID: owner, LISTEN_FDS: count } = variables;
  if (owner !== String(pid)) refuse(`LISTEN_PID is ${owner ?? "not set"}, and this is process ${pid}`);
  if (count !== "1") refuse(`LISTEN_FDS is ${count ?? "not set"}, and not 1`);
  const name = listeningName(ACTIVATED_DESCRIPTOR);
  if (name === undefined) refuse(`descriptor ${ACTIVATED_DESCRIPTOR} is not a Unix socket that listens`);
  if (name !== socket)
    refuse(`the socket is ${name}, and this daemon's is ${socket}: run \`pipd daemon install-service\` again`);
}

/** Where a descriptor listens, by the kernel's own list: number, references, protocol, flags, type, state, inode, path. */
function listeningName(descriptor: number): string | undefined {
  try {
    const { ino } = fstatSync(descriptor);
    for (const line of readFileSync("/proc/net/unix", "utf8").split("\n")) {
      const [, flags = "", inode, name] = /^\S+ \S+ \S+ (\S+) \S+ \S+ +(\d+) (.*)$/.exec(line) ?? [];
      if (Number(inode) === ino && (Number.parseInt(flags, 16) & SO_ACCEPTCON) !== 0) return name;
    }
  } catch {
    // Not open, or no such list.
  }
  return undefined;
}

/** Closes the connections that wait at a socket whose daemon is another one: left there, they would have this one started again and again (R70). */
export async function turnAway(descriptor: number): Promise<void> {
  const server = createServer((socket) => socket.destroy());
  server.on("error", () => {});
  server.listen({ fd: descriptor });
  await new Promise((resolve) => setTimeout(resolve, TURN_AWAY_MS));
  server.close();
}
