import type { InterpreterFacts, Scheme } from "../python/interpreter-facts.ts";
import { type SchemeRequest, schemeFor } from "../python/scheme.ts";
import type { Call } from "../std/call.ts";
import { startsWithShebang } from "../std/read-file.ts";
import { realPathAsFarAsItExists } from "../std/real-path.ts";
import { maxShebangOf, type ScriptInterpreter } from "./scripts.ts";

/** `auto`: reflink where the file system can, else hard link, else copy. */
export type LinkMode = "auto" | "hardlink" | "copy";

/** A place that wheels are installed into. `--prefix`, `--root`, `--user` and `--target` differ from the default only in these values. */
export interface InstallTarget {
  /** Real path of the folder that everything happens in (the scheme's data folder: `sys.prefix`, `--prefix`, ...). Journals are kept there. */
  readonly root: string;
  readonly scheme: Scheme;
  /** What the first line of scripts starts. */
  readonly interpreter: ScriptInterpreter;
  /** `sys.implementation.cache_tag`, e.g. `cpython-311`; undefined when the interpreter keeps no byte code. */
  readonly cacheTag: string | undefined;
  /** The caller's. Modes are 0666 and 0777 without its bits, as pip's. */
  readonly umask: number;
  readonly linkMode: LinkMode;
}

/**
 * The target for an interpreter and the location options of `pip install`. Looks at the disk for the real path of the root and for the first
 * two bytes of the interpreter. `--target D` is planned as `{home: D}` and then moved by `retarget`.
 *
 * @throws PipdError `invalid-scheme`, `user-site-unavailable` (from `schemeFor`).
 */
export function installTarget(
  facts: InterpreterFacts,
  request: SchemeRequest,
  call: Pick<Call, "env" | "umask">,
  linkMode: LinkMode = "auto",
): InstallTarget {
  const wanted = schemeFor(facts, request);
  // One spelling for one folder (`lib64` is often a link to `lib`): the plan tells folders apart by name.
  const isShared = realPathAsFarAsItExists(wanted.purelib) === realPathAsFarAsItExists(wanted.platlib);
  const scheme = isShared ? { ...wanted, platlib: wanted.purelib } : wanted;
  const [major, minor] = facts.versionInfo;
  return {
    root: realPathAsFarAsItExists(scheme.data),
    scheme,
    interpreter: {
      executable: facts.executable,
      pythonVersion: [major, minor],
      isScript: startsWithShebang(facts.executable),
      ensurepipOptions: call.env["ENSUREPIP_OPTIONS"],
      maxShebang: maxShebangOf(process.platform),
    },
    cacheTag: facts.cacheTag ?? undefined,
    umask: call.umask,
    linkMode,
  };
}
