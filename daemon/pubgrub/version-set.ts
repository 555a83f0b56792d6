/**
 * What the solver asks of sets of versions. `S` is the caller's own immutable set type, `V` its version type; the solver never looks inside either.
 *
 * The sets must form a Boolean algebra (complement of the complement is the set again, and so on), otherwise what is learned from a conflict is wrong.
 */
export interface VersionSet<S, V> {
  readonly empty: S;
  /** Every version there is or might be. */
  readonly full: S;
  contains(set: S, version: V): boolean;
  union(a: S, b: S): S;
  intersect(a: S, b: S): S;
  complement(set: S): S;
  isEmpty(set: S): boolean;
  /** Is every version of `a` in `b`? */
  isSubset(a: S, b: S): boolean;
  isDisjoint(a: S, b: S): boolean;
}
