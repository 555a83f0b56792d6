import type { HashDemand } from "../artifacts/archive-hash.ts";
import type { RequestedBy, Resolution, Resolved } from "../resolver/ports.ts";
import { requirementText } from "../resolver/wording.ts";
import type { NormalizedName } from "../standards/name.ts";
import type { SpecifierSet } from "../standards/specifier.ts";
import { PipdError } from "../std/errors.ts";
import { redact } from "../std/redact.ts";
import type { Chosen } from "./choose-installations.ts";
import type { Gathered } from "./gather-requirements.ts";
import type { InstallParams } from "./install-params.ts";
import { originOf } from "./requested-by.ts";
import { type DirectWheels, fileOf } from "./resolve-requirements.ts";

/** What is checked of one wheel. */
export interface HashCheck {
  /** The requirement in pip's words, for a message. */
  readonly subject: string;
  /** One of these the file must have; empty: none was given. */
  readonly demand: HashDemand;
  /** What is to be said of a file with this hash: a hash was required and not given. Undefined: all is well. */
  readonly refusal: (sha256: string) => PipdError | undefined;
}

/** Everything that is checked of the wheels of one command. */
export interface HashChecks {
  /** Every wheel must have a hash that the user gave. Wheels are then fetched for `--dry-run`, too. */
  readonly isRequired: boolean;
  /** @throws PipdError "hash-unpinned" */
  of(one: Chosen): HashCheck;
  /** The order in which pip looks at wheels: those of URLs, what the user named, what that needs. */
  inOrder(chosen: readonly Chosen[]): readonly Chosen[];
}

const MISSING =
  "Hashes are required in --require-hashes mode, but they are missing from some requirements. Here is a list of those requirements along with " +
  "the hashes their downloaded archives actually had. Add lines like these to your requirements files to prevent tampering. (If you did not " +
  "enable --require-hashes manually, note that it turns on automatically when any package has a hash.)";
const UNPINNED = "In --require-hashes mode, all requirements must have their versions pinned with ==. These do not:";

/**
 * pip's hash-checking mode: on with `--require-hashes`, or as soon as anything has a `--hash`, unless `--no-require-hashes` is given.
 * @throws PipdError "invalid-options" for both options at once
 */
export function requiresHashes(params: InstallParams, { wanted, constraints, options }: Gathered): boolean {
  const isRequired = params.requireHashes || options.requireHashes;
  const isRefused = params.noRequireHashes || options.noRequireHashes;
  if (isRequired && isRefused) {
    throw new PipdError("invalid-options", "--require-hashes and --no-require-hashes are mutually exclusive");
  }
  return isRequired || (!isRefused && [...wanted, ...constraints].some(({ hashes }) => hashes.length > 0));
}

/** The checks of a solution. `hashesOf` gives the hashes of a project: those of its requirement, else those of its constraint, as pip has it. */
export function createHashChecks(
  isRequired: boolean,
  hashesOf: (key: NormalizedName) => ReadonlySet<string> | undefined,
  { candidates }: Resolution,
  directs: DirectWheels,
): HashChecks {
  const byKey = new Map(candidates.map((resolved) => [resolved.candidate.key, resolved]));
  const demandOf = ({ candidate }: Resolved): HashDemand => [...(hashesOf(candidate.key) ?? [])];
  const lineOf = (resolved: Resolved, by: RequestedBy): string => {
    const { candidate } = resolved;
    const isNamed = candidate.source.kind !== "direct" || by.requirement.url !== undefined;
    const isPinned = candidate.source.kind === "file" && demandOf(resolved).length > 0;
    return isPinned || !isNamed ? `${by.requirement.name}==${candidate.version.text}` : requirementText(by);
  };
  const subjectOf = (resolved: Resolved): string => {
    const by = resolved.requestedBy[0];
    const { url } = fileOf(resolved.candidate, directs);
    if (by === undefined) return redact(url);
    const from = originOf(by, byKey, (parent, of) => lineOf(of, parent));
    return `${lineOf(resolved, by)} from ${redact(url)}${from === "" ? "" : ` (from ${from})`}`;
  };
  /** What could be written into a requirements file. */
  const pasteOf = (resolved: Resolved): string => {
    const { source } = resolved.candidate;
    const by = resolved.requestedBy[0];
    return source.kind === "direct" || by === undefined
      ? redact(fileOf(resolved.candidate, directs).url)
      : requirementText(by);
  };
  return {
    isRequired,
    of({ resolved }) {
      const demand = demandOf(resolved);
      const isDirect = resolved.candidate.source.kind === "direct";
      const specifier = resolved.requestedBy[0]?.requirement.specifier;
      const subject = subjectOf(resolved);
      if (isRequired && demand.length === 0 && !isDirect && !isPinned(specifier)) {
        throw new PipdError("hash-unpinned", `${UNPINNED}\n    ${subject}`);
      }
      const vouched = isDirect && resolved.isUserRequested && hasHash(fileOf(resolved.candidate, directs).hashes);
      const isMissing = isRequired && demand.length === 0 && !vouched;
      return {
        subject,
        demand,
        refusal: (sha256) =>
          isMissing
            ? new PipdError("hash-missing", `${MISSING}\n    ${pasteOf(resolved)} --hash=sha256:${sha256}`)
            : undefined,
      };
    },
    inOrder: (chosen) => {
      const rank = ({ resolved }: Chosen): number =>
        !resolved.isUserRequested ? 2 : resolved.candidate.source.kind === "direct" ? 0 : 1;
      return chosen.toSorted((a, b) => rank(a) - rank(b) || a.resolved.ordinal - b.resolved.ordinal);
    },
  };
}

const hasHash = (hashes: Readonly<Record<string, string>>): boolean => Object.keys(hashes).length > 0;

/** pip's idea of it, which is narrower than that of the resolver: one clause, `==` or `===`. */
function isPinned(set: SpecifierSet | undefined): boolean {
  const [first, ...more] = set?.specifiers ?? [];
  return first !== undefined && more.length === 0 && (first.operator === "==" || first.operator === "===");
}
