import { PipdError } from "../std/errors.ts";

/** Why there is no resolution. `message` is the last line of `stderr`. */
export class ResolutionError extends PipdError {
  /** pip's `ERROR: ` lines, without the prefix. */
  readonly stderr: readonly string[];
  /** The explanation: pip prints it on stdout, so that `-q` hides it. */
  readonly stdout: readonly string[];

  constructor(
    code: string,
    lines: { readonly stderr: readonly string[]; readonly stdout?: readonly string[]; readonly hint?: string },
  ) {
    super(code, lines.stderr.at(-1) ?? code, lines.hint === undefined ? {} : { hint: lines.hint });
    this.stderr = lines.stderr;
    this.stdout = lines.stdout ?? [];
  }
}
