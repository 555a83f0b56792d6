/**
 * How one command-line option behaves, in optparse's terms, because pip is an optparse program and its configuration files and environment
 * variables follow from that.
 */
export interface OptionSpec {
  /** The key under which the value is kept (pip's `dest`, in camel case). Several options may share one. */
  readonly dest: string;
  /** Every long spelling, the preferred one first, with the two dashes. */
  readonly long: readonly string[];
  /** The short spelling with its dash. */
  readonly short?: string;
  /**
   * `flag` stores true. `negated` stores false on the command line, but in the environment and in files its value is assigned to `dest` as it is
   * (pip's inversion trap). `count` adds one. `value` keeps the last. `append` collects. `ordered` collects with its spelling, over all layers.
   * `noCache` is `--no-cache-dir`: any valid boolean from outside switches the cache off.
   */
  readonly kind: "flag" | "negated" | "count" | "value" | "append" | "ordered" | "noCache" | "help" | "version";
  readonly type?: "string" | "path" | "int" | "float" | "choice";
  readonly choices?: readonly string[];
  readonly metavar?: string;
  /** One sentence for `--help`; absent for hidden options. */
  readonly help?: string;
  /** What is not there yet: the option is refused with exit status 2, wherever it comes from. */
  readonly missing?: true;
  /** Values of a `choice` that are refused like a missing option. */
  readonly missingChoices?: readonly string[];
}

/** A titled block of options in `--help`. */
export interface OptionGroup {
  readonly title: string;
  readonly options: readonly OptionSpec[];
}
