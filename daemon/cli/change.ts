import type { RunInput } from "../../protocol/program.ts";
import type { Change, LockOwner } from "../operations/change-environment.ts";
import { redact } from "../std/redact.ts";
import type { CommandContext } from "./commands.ts";
import { flagOption } from "./values.ts";

/** How the command of a context changes an environment. */
export function changeOf({ options, run }: CommandContext): Change {
  return { owner: ownerOf(run), noWait: flagOption(options, "noWait"), begins: run.changing };
}

/** A run as others see it: the client's process, since that is the one that a person started and may end. */
export function ownerOf(run: RunInput): LockOwner {
  return { pid: run.session.pid, command: `pipd ${redact(run.argv.join(" "))}` };
}
