/** Windows has no XDG folders and no sockets with owners: the same places below the profile, and a named pipe nobody can guess (R12). */
export function windowsFolders({
  env,
  home,
}: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}): { readonly runtime: string; readonly state: string; readonly cache: string; readonly config: string } {
  const local = absolute(env["LOCALAPPDATA"]) ?? `${home}/AppData/Local`;
  const roaming = absolute(env["APPDATA"]) ?? `${home}/AppData/Roaming`;
  return {
    runtime: `${local}/pipd/run`,
    state: `${local}/pipd/state`,
    cache: `${local}/pipd/cache`,
    config: `${roaming}/pipd`,
  };
}

/** An absolute path of Windows with forward slashes, which its calls take as well. */
function absolute(value: string | undefined): string | undefined {
  return value !== undefined && /^[A-Za-z]:[\\/]/.test(value)
    ? value.replaceAll("\\", "/").replace(/\/+$/, "")
    : undefined;
}

const PREFIX = "\\\\.\\pipe\\pipd-";
/** 128 bits in hexadecimal. */
const DIGITS = 32;

/** The name of a daemon's pipe. It is published in the file that is the socket elsewhere. @param random hexadecimal, at least 128 bits; new for every daemon. */
export function pipeName(random: string): string {
  if (!isRandom(random)) throw new Error("a pipe's name needs at least 128 random bits");
  return `${PREFIX}${random}`;
}

/** The pipe that a daemon has published, or undefined when the text is none of pipd's names: nothing else is ever dialled, no pipe of another machine either. */
export function parsePipeName(text: string): string | undefined {
  const name = text.trim();
  return name.startsWith(PREFIX) && isRandom(name.slice(PREFIX.length)) ? name : undefined;
}

function isRandom(text: string): boolean {
  return text.length >= DIGITS && /^[0-9a-f]+$/.test(text);
}
