import { EXIT } from "../../protocol/errors.ts";
import { makeEnvironment } from "../operations/venv.ts";
import { changeOf } from "./change.ts";
import type { CommandContext } from "./commands.ts";
import { UsageError } from "./parse.ts";
import { absolutePath } from "./paths.ts";
import { flagOption, textOption } from "./values.ts";

/** `pipd venv [folder]` */
export async function runVenv(context: CommandContext): Promise<number> {
  const { options, parts, call, spec } = context;
  const [folder = ".venv", ...more] = options.args;
  if (more.length > 0)
    throw new UsageError(
      `pipd venv makes one environment; ${more.length + 1} folders were named: ${options.args.join(" ")}`,
      spec,
    );
  const python = textOption(options, "venvPython") ?? textOption(options, "python");
  const made = await makeEnvironment(
    parts,
    {
      path: absolutePath(folder, call),
      python,
      clear: flagOption(options, "clear"),
      prompt: textOption(options, "prompt"),
      systemSitePackages: flagOption(options, "systemSitePackages"),
      change: changeOf(context),
    },
    call,
  );
  call.reporter.message("info", `Created virtual environment ${made.path} (Python ${made.version} from ${made.base})`);
  call.reporter.message("info", `Activate it with: source ${shellQuoted(`${folder}/bin/activate`)}`);
  return EXIT.ok;
}

function shellQuoted(text: string): string {
  return /^[\w@%+=:,./~-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
