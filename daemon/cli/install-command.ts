import { EXIT } from "../../protocol/errors.ts";
import { installPackages } from "../operations/install.ts";
import type { InstallParams } from "../operations/install-params.ts";
import type { LinkMode } from "../standards/settings.ts";
import { PipdError } from "../std/errors.ts";
import { changeOf } from "./change.ts";
import type { CommandContext } from "./commands.ts";
import { absolutePath } from "./paths.ts";
import { formatChoicesOf, sourceParams } from "./source-params.ts";
import { flagOption, listOption, textOption } from "./values.ts";

/** `pipd install` */
export async function runInstall(context: CommandContext): Promise<number> {
  const params = installParams(context);
  await installPackages(context.parts, params, context.environment, context.call, (text) =>
    context.renderer.print(text),
  );
  return EXIT.ok;
}

function installParams(context: CommandContext): InstallParams {
  const { options, call, parts } = context;
  const requirementFiles = listOption(options, "requirements");
  if (options.args.length === 0 && requirementFiles.length === 0) {
    throw new PipdError(
      "no-requirements",
      `You must give at least one requirement to install (see "pipd help install")`,
    );
  }
  const path = (dest: string): string | undefined => {
    const value = textOption(options, dest);
    return value === undefined ? undefined : absolutePath(value, call);
  };
  const report = textOption(options, "report");
  return {
    inputs: { args: options.args, requirementFiles, constraintFiles: listOption(options, "constraints") },
    sources: sourceParams(context),
    location: {
      user: options.values["useUserSite"] === undefined ? undefined : flagOption(options, "useUserSite"),
      target: path("targetDir"),
      prefix: path("prefixPath"),
      root: path("rootPath"),
    },
    formatChoices: formatChoicesOf(context),
    preferBinary: flagOption(options, "preferBinary"),
    pre: flagOption(options, "pre"),
    upgrade: flagOption(options, "upgrade"),
    eager: textOption(options, "upgradeStrategy") === "eager",
    forceReinstall: flagOption(options, "forceReinstall"),
    ignoreInstalled: flagOption(options, "ignoreInstalled"),
    ignoreRequiresPython: flagOption(options, "ignoreRequiresPython"),
    noDeps: flagOption(options, "noDeps"),
    requireHashes: flagOption(options, "requireHashes"),
    noRequireHashes: flagOption(options, "noRequireHashes"),
    dryRun: flagOption(options, "dryRun"),
    report: report === undefined || report === "-" ? report : absolutePath(report, call),
    compile: flagOption(options, "compile", true),
    linkMode: (textOption(options, "linkMode") as LinkMode | undefined) ?? parts.settings.linkMode,
    breakSystemPackages: flagOption(options, "breakSystemPackages"),
    warnScriptLocation: flagOption(options, "warnScriptLocation", true),
    warnConflicts: flagOption(options, "warnConflicts", true),
    warnRoot: (textOption(options, "rootUserAction") ?? "warn") === "warn",
    change: changeOf(context),
  };
}
