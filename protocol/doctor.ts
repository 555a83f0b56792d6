import type { DaemonStatus } from "./methods.ts";

/** What the client saw when it tried to reach the daemon. */
export type DaemonSight =
  | { readonly state: "running"; readonly status: DaemonStatus }
  | { readonly state: "stopped" }
  /** `code` of protocol/errors.ts, where one says what it is. */
  | { readonly state: "unreachable"; readonly reason: string; readonly code?: string };

export interface DoctorParams {
  /** The caller's, for interpreters and configuration. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly daemon: DaemonSight;
}

/** One thing that was looked at. */
export interface DoctorCheck {
  readonly name: string;
  readonly state: "ok" | "problem";
  /** What was found, in plain words. */
  readonly text: string;
  /** What to do about a problem. */
  readonly hint?: string;
}

export interface DoctorResult {
  /** Whether no check found a problem. */
  readonly ok: boolean;
  readonly checks: readonly DoctorCheck[];
  /** A file for a bug report, with no credentials in it; absent when it could not be written. */
  readonly bundle?: string;
  /** The same for a person. */
  readonly text: string;
}
