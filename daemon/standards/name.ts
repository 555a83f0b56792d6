/** A project or extra name in the form names are compared in (PEP 503): lower case, runs of `-`, `_` and `.` as one `-`. */
export type NormalizedName = string & { readonly __brand: "NormalizedName" };

const ALREADY_NORMAL = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const VALID = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/i;

/** The normalised form of any text (as `packaging.utils.canonicalize_name`); it does not check that the name is valid. */
export function normalizeName(name: string): NormalizedName {
  if (ALREADY_NORMAL.test(name)) return name as NormalizedName;
  return name.toLowerCase().replace(/[-_.]+/g, "-") as NormalizedName;
}

/** Whether the text is a name as the core metadata specification and PEP 508 want it. */
export function isValidName(name: string): boolean {
  return VALID.test(name);
}
