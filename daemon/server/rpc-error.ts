import { errorMeaning } from "../../protocol/errors.ts";
import type { ErrorFacts } from "../../protocol/wire.ts";
import { PipdError } from "../std/errors.ts";
import { redactSecrets } from "./redaction.ts";

/** An error to answer a request with, when it has more facts than code, message and hint. */
export class RpcFailure extends PipdError {
  readonly facts: ErrorFacts;

  constructor(code: string, message: string, facts: ErrorFacts = {}) {
    super(code, message, facts.hint === undefined ? {} : { hint: facts.hint });
    this.facts = facts;
  }
}

/** An error as JSON-RPC has it, credentials removed. */
export function errorFacts(error: unknown): {
  readonly code: number;
  readonly message: string;
  readonly data: ErrorFacts;
} {
  const code = error instanceof PipdError ? error.code : "internal-error";
  const message = redactSecrets(error instanceof Error ? error.message : String(error));
  const { exit, rpc, remedy } = errorMeaning(code);
  const said = error instanceof PipdError ? (error.hint ?? remedy) : remedy;
  const hint = said === undefined ? {} : { hint: redactSecrets(said) };
  const facts = error instanceof RpcFailure ? error.facts : {};
  return { code: rpc, message, data: { code, exitCode: exit, ...hint, ...facts } };
}
