import type { Command, ServiceFacts, ServicePlan } from "./service-plan.ts";

/** What the units of one user are made from. */
export interface SystemdFacts extends ServiceFacts {
  /** `$XDG_CONFIG_HOME`, or what it is by default. */
  readonly configHome: string;
  /** The public name of the daemon's socket. */
  readonly socket: string;
  /** The units as they lie in `systemd/`. */
  readonly units: { readonly socket: string; readonly service: string };
}

/**
 * User units of systemd: the socket, and the daemon that its first connection starts. The units are those of the folder `systemd/` with the two
 * lines that depend on the user and the machine.
 */
export function systemdPlan({ configHome, socket, units, daemon, environment }: SystemdFacts): ServicePlan {
  const folder = `${configHome}/systemd/user`;
  const file = (name: string, text: string) => ({ path: `${folder}/${name}`, text, encoding: "utf8" as const });
  const command = [...daemon, "--socket-activation"].map(quoteWord).join(" ");
  const variables = Object.entries({ ...environment, NODE_OPTIONS: "" }).map(([name, value]) =>
    quoteWord(`${name}=${value}`),
  );
  const service = setLine(setLine(units.service, "ExecStart", command), "Environment", variables.join(" "));
  const systemctl = (...words: readonly string[]): Command => ["systemctl", "--user", ...words];
  return {
    host: "systemd",
    files: [
      file("pipd.socket", setLine(units.socket, "ListenStream", socket.replaceAll("%", "%%"))),
      file("pipd.service", service),
    ],
    enable: [systemctl("daemon-reload"), systemctl("enable", "--now", "pipd.socket")],
    disable: [systemctl("disable", "--now", "pipd.socket"), systemctl("stop", "pipd.service")],
    forget: [systemctl("daemon-reload")],
    links: [`${folder}/sockets.target.wants/pipd.socket`],
    folders: [`${folder}/sockets.target.wants`, folder, `${configHome}/systemd`],
  };
}

/** The unit with another value of a setting that it has once. */
function setLine(unit: string, setting: string, value: string): string {
  return unit.replace(new RegExp(`^${setting}=.*$`, "m"), () => `${setting}=${value}`);
}

/** One word of a command line or of a list, by the rules of systemd.syntax(7) and systemd.service(5): no specifier, variable or quote in it means anything. */
function quoteWord(word: string): string {
  const plain = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  if (/^[\w@%+=:,./$-]+$/.test(plain)) return plain;
  return `"${plain.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}
