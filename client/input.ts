import { constants, fstatSync, openSync, read } from "node:fs";

/** Between two looks for input that is not there yet. */
const LOOK_EVERY_MS = 15;

let descriptor: number | undefined;

/**
 * Standard input as a descriptor of its own that does not block: a blocked read could not be taken back when the question is, and would keep the
 * process from ending. The shared descriptor itself stays as it is. Files and what cannot be opened again are read as they are.
 */
function inputDescriptor(): number {
  if (descriptor !== undefined) return descriptor;
  descriptor = 0;
  try {
    const stat = fstatSync(0);
    if (stat.isFIFO() || stat.isCharacterDevice())
      descriptor = openSync("/dev/fd/0", constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // A terminal that belongs to another user, or no input at all: reading says which.
  }
  return descriptor;
}

function readOnce(buffer: Buffer): Promise<number> {
  const fd = inputDescriptor();
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, null, (error, count) => (error === null ? resolve(count) : reject(error)));
  });
}

/** Up to `max` bytes of standard input, as soon as there are any; undefined at its end. Only what was asked for is taken: the rest stays for the shell (R50). */
export async function readInput(max: number): Promise<Buffer | undefined> {
  const buffer = Buffer.alloc(Math.min(Math.max(max, 1), 65_536));
  for (;;) {
    try {
      const count = await readOnce(buffer);
      return count === 0 ? undefined : buffer.subarray(0, count);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // The timer does not keep the process: one that has nothing else to do need not wait for a person.
      if (code === "EAGAIN") await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS).unref());
      else if (code === "EOF" || code === "EIO" || code === "EBADF" || code === "EISDIR") return undefined;
      else throw error;
    }
  }
}

/** One line without its end, or undefined when input ends before it began. Read byte by byte, so that what follows stays unread. */
export async function readLine(): Promise<string | undefined> {
  const bytes: Buffer[] = [];
  for (;;) {
    const byte = await readInput(1);
    if (byte === undefined && bytes.length === 0) return undefined;
    if (byte === undefined || byte[0] === 10) break;
    bytes.push(byte);
  }
  return Buffer.concat(bytes).toString().replace(/\r$/, "");
}

/** One line that is not shown while it is typed. Without a terminal, as readLine. */
export async function readSecretLine(echo: (text: string) => void): Promise<string | undefined> {
  if (!process.stdin.isTTY) return readLine();
  const { stdin } = process;
  stdin.unref().setRawMode(true);
  try {
    return await typedLine(stdin);
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    echo("\n");
  }
}

async function typedLine(stdin: NodeJS.ReadStream): Promise<string | undefined> {
  let line = "";
  for await (const chunk of stdin.iterator({ destroyOnReturn: false })) {
    for (const character of (chunk as Buffer).toString()) {
      if (character === "\r" || character === "\n") return line;
      if (character === "\x03") process.kill(process.pid, "SIGINT");
      if (character === "\x04" && line === "") return undefined;
      line =
        character === "\x7f" || character === "\b" ? line.slice(0, -1) : character >= " " ? line + character : line;
    }
  }
  return line === "" ? undefined : line;
}
