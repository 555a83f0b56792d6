import { authorityOf } from "./auth.ts";
import { type NetworkSettings, networkKey } from "./network-settings.ts";

interface Identified {
  readonly url: string;
  readonly location?: string;
  readonly network: NetworkSettings;
}

/**
 * Makes the function that tells what an answer depends on besides its URL: the value of the Authorization header (`authorizationOf`) and the network
 * settings. It is asked several times for each request, and is the same for all URLs of an origin found at one location.
 */
export function createIdentities<Request extends Identified>(
  authorizationOf: (request: Request) => string | undefined,
): (request: Request) => string {
  const identities = new WeakMap<NetworkSettings, Map<string, string>>();
  return (request) => {
    const known = identities.get(request.network) ?? new Map<string, string>();
    identities.set(request.network, known);
    const key = `${authorityOf(request.url)} ${request.location ?? ""}`;
    const found = known.get(key) ?? JSON.stringify([authorizationOf(request), networkKey(request.network)]);
    known.set(key, found);
    return found;
  };
}
