import { EXIT } from "../../protocol/errors.ts";
import { uninstallPackages } from "../operations/uninstall.ts";
import { changeOf } from "./change.ts";
import type { CommandContext } from "./commands.ts";
import { flagOption, listOption, numberOption, textOption } from "./values.ts";

/** `pipd uninstall` */
export async function runUninstall(context: CommandContext): Promise<number> {
  const { options, parts, call } = context;
  await uninstallPackages(
    parts,
    {
      names: options.args,
      requirementFiles: listOption(options, "requirements"),
      breakSystemPackages: flagOption(options, "breakSystemPackages"),
      warnRoot: (textOption(options, "rootUserAction") ?? "warn") === "warn",
      listAll: numberOption(options, "verbose", 0) > 0,
      change: changeOf(context),
      confirm: flagOption(options, "yes") ? undefined : () => askToProceed(context),
    },
    await context.environment(),
    call,
  );
  return EXIT.ok;
}

const ANSWERS = ["y", "n", ""];

/** Asks until the answer is one of pip's; the end of input is an error, as in pip. */
async function askToProceed({ run, options, call }: CommandContext): Promise<boolean> {
  const message = "Proceed (Y/n)? ";
  if (flagOption(options, "noInput"))
    throw new Error(`No input was expected ($PIP_NO_INPUT set); question: ${message}`);
  for (;;) {
    const answer = await run.prompt({ kind: "confirm", message });
    if (answer === undefined)
      throw new Error("the question was not answered: input has ended (--yes answers it beforehand)");
    const word = answer.trim().toLowerCase();
    if (ANSWERS.includes(word)) return word !== "n";
    call.reporter.message(
      "info",
      `Your response ('${word}') was not one of the expected responses: ${ANSWERS.join(", ")}`,
    );
  }
}
