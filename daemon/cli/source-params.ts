import type { SourceParams } from "../operations/install-params.ts";
import type { FormatChoice } from "../standards/format-control.ts";
import type { CommandContext } from "./commands.ts";
import { absolutePath } from "./paths.ts";
import { flagOption, listOption, numberOption, textOption } from "./values.ts";

/** Where a command looks for packages, by its options. */
export function sourceParams({ options, call }: CommandContext): SourceParams {
  const path = (dest: string): string | undefined => {
    const value = textOption(options, dest);
    return value === undefined ? undefined : absolutePath(value, call, true);
  };
  const proxy = textOption(options, "proxy");
  const [cert, clientCert, cacheDir] = [path("cert"), path("clientCert"), path("cacheDir")];
  const [timeout, retries, resumeRetries] = ["timeout", "retries", "resumeRetries"].map((dest) =>
    numberOption(options, dest, undefined),
  );
  return {
    indexUrl: textOption(options, "indexUrl"),
    extraIndexUrls: listOption(options, "extraIndexUrls"),
    findLinks: listOption(options, "findLinks"),
    noIndex: flagOption(options, "noIndex"),
    network: {
      ...(proxy === undefined ? {} : { proxy }),
      noProxyEnv: flagOption(options, "noProxyEnv"),
      ...(cert === undefined ? {} : { cert }),
      ...(clientCert === undefined ? {} : { clientCert }),
      trustedHosts: listOption(options, "trustedHosts"),
      ...(timeout === undefined ? {} : { timeout }),
      ...(retries === undefined ? {} : { retries }),
      ...(resumeRetries === undefined ? {} : { resumeRetries }),
    },
    refresh: options.ordered.filter(({ option }) => option === "--refresh-package").map(({ value }) => value),
    cacheDir: options.values["cacheDir"] === false ? false : cacheDir,
  };
}

/** `--no-binary` and `--only-binary`, in their order. */
export function formatChoicesOf({ options }: CommandContext): readonly FormatChoice[] {
  return options.ordered.filter(({ option }) => option === "--no-binary" || option === "--only-binary");
}
