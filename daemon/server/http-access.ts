import { timingSafeEqual } from "node:crypto";

/** Who may use a door. */
export interface HttpAccess {
  /** Values of `Host` that are answered. */
  readonly hosts: readonly string[];
  /** What the `Authorization: Bearer` header must have; undefined where the file system keeps others away. */
  readonly token?: string | undefined;
}

/** The headers that decide. */
export interface HttpCredentials {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
  readonly authorization?: string | undefined;
}

/** Why a request is not answered: the HTTP status, and a code of protocol/errors.ts. */
export interface HttpRefusal {
  readonly status: 401 | 403;
  readonly code: "origin-refused" | "host-refused" | "token-refused";
  readonly message: string;
}

/**
 * Whether a request is refused, and why (R13): a browser says where its page is from, and no page has any business here; a name that was pointed
 * at this machine from outside (DNS rebinding) is not one of ours; who comes by the port must know the token.
 */
export function refusalOf(
  { host, origin, authorization }: HttpCredentials,
  { hosts, token }: HttpAccess,
): HttpRefusal | undefined {
  if (origin !== undefined)
    return { status: 403, code: "origin-refused", message: "Requests of web pages are not answered." };
  if (host === undefined || !hosts.includes(host.toLowerCase()))
    return { status: 403, code: "host-refused", message: `Only requests to ${hosts.join(", ")} are answered.` };
  if (token !== undefined && !bears(authorization, token))
    return { status: 401, code: "token-refused", message: "The bearer token is missing or wrong." };
  return undefined;
}

function bears(authorization: string | undefined, token: string): boolean {
  const given = Buffer.from(/^bearer ([^ ]+)$/i.exec(authorization ?? "")?.[1] ?? "");
  const wanted = Buffer.from(token);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
