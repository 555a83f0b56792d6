import { escapeXml, type ServiceFacts, type ServicePlan } from "./service-plan.ts";

export interface ScheduledTaskFacts extends ServiceFacts {
  /** `%LOCALAPPDATA%`. */
  readonly localAppData: string;
  /** `DOMAIN\user`. */
  readonly user: string;
}

const NAME = "pipd";

/**
 * A task of Windows' Task Scheduler that starts the daemon when the user logs on: hidden, with the rights of a normal program, without a time limit,
 * also on battery. A task has no environment of its own; the variables are settings of glibc, which is not there.
 */
export function scheduledTaskPlan({ localAppData, user, daemon }: ScheduledTaskFacts): ServicePlan {
  const [program, ...args] = daemon;
  const path = `${localAppData}\\pipd\\pipd-task.xml`;
  const text = `\uFEFF<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>pipd, the Python package installer that is already running</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <UserId>${escapeXml(user)}</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>${escapeXml(user)}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <Hidden>true</Hidden>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>7</Priority>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>${escapeXml(program)}</Command>
      <Arguments>${escapeXml(args.map(quoteArgument).join(" "))}</Arguments>
    </Exec>
  </Actions>
</Task>
`.replaceAll("\n", "\r\n");
  return {
    host: "the Task Scheduler",
    files: [{ path, text, encoding: "utf16le" }],
    enable: [["schtasks", "/Create", "/F", "/TN", NAME, "/XML", path]],
    disable: [["schtasks", "/Delete", "/F", "/TN", NAME]],
    forget: [],
    links: [],
    folders: [],
  };
}

/** One argument as `CommandLineToArgvW` takes command lines apart: quotes escaped, backslashes before a quote doubled. */
function quoteArgument(word: string): string {
  if (/^[^\s"]+$/.test(word)) return word;
  return `"${word.replaceAll(/(\\*)(?:"|$)/g, (found, slashes: string) => `${slashes}${slashes}${found.endsWith('"') ? '\\"' : ""}`)}"`;
}
