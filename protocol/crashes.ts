/** Where the daemon notes its crashes, below the folder for state: one file for each. */
export function crashFolder(state: string): string {
  return `${state}/crashes`;
}

/** The file that keeps clients from the daemon for a while after it has crashed again and again; its content says why, in words. */
export function crashPauseFile(state: string): string {
  return `${crashFolder(state)}/pause`;
}

/** How long clients then run without the daemon, in milliseconds (R61). */
export const CRASH_PAUSE_MS = 10 * 60_000;
