/** What markers are evaluated against (PEP 508): the variables of one interpreter. `extra` is apart. */
export type MarkerEnvironment = Readonly<
  Record<
    | "implementation_name"
    | "implementation_version"
    | "os_name"
    | "platform_machine"
    | "platform_python_implementation"
    | "platform_release"
    | "platform_system"
    | "platform_version"
    | "python_full_version"
    | "python_version"
    | "sys_platform",
    string
  >
>;

/** A parsed marker. Immutable. */
export interface Marker {
  /** Equal to `str(packaging.markers.Marker(...))`. */
  readonly text: string;
}

/** Reads `python_version < "3.9" and extra == "test"`; throws InvalidText of kind `"marker"`. */
export declare function parseMarker(text: string): Marker;
/** Whether the marker holds; `extra` is a normalised name or "". Throws InvalidText (`"marker"`) where the comparison has no meaning. */
export declare function evaluateMarker(marker: Marker, environment: MarkerEnvironment, extra?: string): boolean;
/** Whether the value of the marker can depend on `extra`. */
export declare function markerMentionsExtra(marker: Marker): boolean;
