/** JSON-RPC 2.0 messages, as both sides of a connection write them. */

export interface RequestMessage {
  readonly jsonrpc: "2.0";
  readonly id: number | string;
  readonly method: string;
  readonly params?: unknown;
}

export interface NotificationMessage {
  readonly jsonrpc: "2.0";
  readonly method: string;
  readonly params?: unknown;
}

export interface ErrorObject {
  readonly code: number;
  readonly message: string;
  /** `code` is the kebab-case name of `protocol/errors.ts`; the rest depends on it. */
  readonly data?: ErrorFacts;
}

/** What comes with an error: its name, what to do, and what the named error documents in errors.ts. */
export interface ErrorFacts {
  readonly code?: string;
  readonly hint?: string;
  readonly exitCode?: number;
  readonly reason?: string;
  readonly action?: "retire" | "in-process";
  readonly min?: number;
  readonly max?: number;
  readonly retryAfterMs?: number;
  readonly logPath?: string;
}

export interface ResponseMessage {
  readonly jsonrpc: "2.0";
  readonly id: number | string | null;
  readonly result?: unknown;
  readonly error?: ErrorObject;
}

export type Message = RequestMessage | NotificationMessage | ResponseMessage;

/** Whether a parsed value has the form of a JSON-RPC 2.0 message. */
export function isMessage(value: unknown): value is Message {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const message = value as Partial<RequestMessage & ResponseMessage>;
  if (message.jsonrpc !== "2.0") return false;
  return (
    typeof message.method === "string" || (message.id !== undefined && ("result" in message || "error" in message))
  );
}
