import type { DoctorCheck, DoctorParams } from "../../protocol/doctor.ts";
import type { Namespace, PipdFolders } from "../../protocol/session.ts";
import type { Queries } from "./handlers.ts";

/** What the doctor knows of the process it runs in. */
export interface DoctorParts {
  readonly self: { readonly version: string; readonly buildId: string };
  readonly folders: PipdFolders;
  readonly namespace: Namespace;
  readonly logPath: string;
  /** What is wrong with the settings file. */
  readonly settingsFault?: string;
  readonly queries: () => Promise<Queries>;
  /** ms since 1970. */
  readonly now: () => number;
  readonly process: { readonly node: string; readonly platform: string; readonly arch: string; readonly uid: number };
}

/** A look at one thing. What it throws is a problem of that thing. */
export type Look = (
  parts: DoctorParts,
  params: DoctorParams,
  signal: AbortSignal,
) => DoctorCheck | Promise<DoctorCheck>;
