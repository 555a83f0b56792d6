import { escapeXml, type ServiceFacts, type ServicePlan } from "./service-plan.ts";

export interface LaunchAgentFacts extends ServiceFacts {
  readonly home: string;
  readonly uid: number;
}

const LABEL = "pipd.daemon";

/**
 * An agent of launchd that starts the daemon when the user logs in. launchd hands sockets only to programs that call its C library, so there is no
 * activation; and it is not kept alive: after an idle end or a crash the next command starts it, as everywhere.
 */
export function launchAgentPlan({ home, uid, daemon, environment }: LaunchAgentFacts): ServicePlan {
  const path = `${home}/Library/LaunchAgents/${LABEL}.plist`;
  const text = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
${render({
  Label: LABEL,
  ProgramArguments: daemon,
  EnvironmentVariables: environment,
  RunAtLoad: true,
  ProcessType: "Background",
  Umask: 0o077,
  WorkingDirectory: "/",
})}
</plist>
`;
  return {
    host: "launchd",
    files: [{ path, text, encoding: "utf8" }],
    enable: [["launchctl", "bootstrap", `gui/${uid}`, path]],
    disable: [["launchctl", "bootout", `gui/${uid}/${LABEL}`]],
    forget: [],
    links: [],
    folders: [],
  };
}

type Value = string | number | boolean | readonly string[] | { readonly [key: string]: Value };

/** A value of a property list, as XML. */
function render(value: Value): string {
  if (typeof value === "string") return `<string>${escapeXml(value)}</string>`;
  if (typeof value === "number") return `<integer>${value}</integer>`;
  if (typeof value === "boolean") return value ? "<true/>" : "<false/>";
  if (isList(value)) return `<array>\n${value.map(render).join("\n")}\n</array>`;
  const rows = Object.entries(value).map(([key, item]) => `<key>${escapeXml(key)}</key>\n${render(item)}`);
  return `<dict>\n${rows.join("\n")}\n</dict>`;
}

const isList = (value: Value): value is readonly string[] => Array.isArray(value);
