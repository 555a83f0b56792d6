import { type Command, time } from "./peers.ts";

/** How pipd and uv are called. */
interface Callers {
  readonly pipd: (args: readonly string[]) => Command;
  readonly uv: (args: readonly string[]) => Command;
}

type Made = () => { readonly prepare?: () => void; readonly command: Command };

/**
 * `list --outdated` of an environment with fresh pages, and with every page asked for again: as uv does it each time, pipd when they have expired,
 * here because it is told to.
 */
export function outdated(
  root: string,
  index: string,
  { pipd, uv }: Callers,
): readonly {
  readonly name: string;
  readonly runs: number;
  readonly peers: { readonly pipd: Made; readonly uv: Made };
}[] {
  const words = (more: readonly string[]): Command =>
    pipd(["--python", root, "list", "--outdated", "-i", index, ...more]);
  const byUv: Made = () => ({ command: uv(["pip", "list", "--outdated", "--python", root, "-i", index]) });
  const warm: Made = () => ({ prepare: () => void time(words([])), command: words([]) });
  const again: Made = () => ({ command: words(["--refresh-package", ":all:"]) });
  return [
    { name: "list --outdated (102 packages, 20 ms), warm", runs: 7, peers: { pipd: warm, uv: byUv } },
    { name: "list --outdated, every page asked for again", runs: 7, peers: { pipd: again, uv: byUv } },
  ];
}
