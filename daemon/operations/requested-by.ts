import type { RequestedBy, Resolved } from "../resolver/ports.ts";
import { requirementText } from "../resolver/wording.ts";
import type { NormalizedName } from "../standards/name.ts";

/**
 * pip's `from_path`: the requirement that brought a project in, and what brought that in, up to the user: "b>=1->a==1.0->-r x.txt (line 1)".
 * "" for what the user typed. `textOf` says how a requirement on the way is written; as it stands by default.
 */
export function originOf(
  by: RequestedBy,
  byKey: ReadonlyMap<NormalizedName, Resolved>,
  textOf: (by: RequestedBy, of: Resolved) => string = requirementText,
): string {
  const texts: string[] = [];
  const seen = new Set<NormalizedName>();
  let current: RequestedBy | undefined = by;
  while (current !== undefined) {
    if (current.by === undefined) {
      if (current.origin !== "") texts.push(current.origin);
      break;
    }
    const key: NormalizedName = current.by.key;
    if (seen.has(key)) break;
    seen.add(key);
    const resolved = byKey.get(key);
    const parent: RequestedBy | undefined = resolved?.requestedBy[0];
    if (resolved === undefined || parent === undefined) break;
    texts.push(textOf(parent, resolved));
    current = parent;
  }
  return texts.join("->");
}
