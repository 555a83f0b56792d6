/** The index that pip asks when nothing is configured. */
export const DEFAULT_INDEX_URL = "https://pypi.org/simple";
