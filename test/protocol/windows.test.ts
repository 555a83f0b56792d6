import assert from "node:assert/strict";
import { test } from "node:test";
import { daemonPaths, runtimeCandidates, userFolders } from "../../protocol/session.ts";
import { parsePipeName, pipeName } from "../../protocol/windows.ts";

const RANDOM = "0123456789abcdef".repeat(2);
const facts = (env: Record<string, string>) => ({
  env,
  uid: 0,
  home: "C:/Users/u",
  temporary: "/tmp",
  platform: "win32",
});

test("R12 a pipe's name has at least 128 random bits", () => {
  assert.equal(pipeName(RANDOM), `\\\\.\\pipe\\pipd-${RANDOM}`);
  for (const random of ["", "ab", RANDOM.slice(1), `${RANDOM}g`, `${RANDOM}\\x`]) assert.throws(() => pipeName(random));
});

test("R12 only a pipe of pipd on this machine is read from the published file", () => {
  assert.equal(parsePipeName(`${pipeName(RANDOM)}\r\n`), pipeName(RANDOM));
  for (const text of [
    "",
    "\\\\.\\pipe\\pipd-",
    `\\\\.\\pipe\\other-${RANDOM}`,
    `\\\\server\\pipe\\pipd-${RANDOM}`,
    `${pipeName(RANDOM)}\\..\\other`,
    pipeName(RANDOM).slice(0, -1),
    "/run/user/1000/pipd/sock",
  ])
    assert.equal(parsePipeName(text), undefined, text);
});

test("R12 on Windows everything lies below the profile, whatever the variables of other systems say", () => {
  const env = { LOCALAPPDATA: "D:\\Local\\", APPDATA: "D:\\Roaming", PIPD_RUNTIME_DIR: "/x", XDG_CACHE_HOME: "/y" };
  assert.deepEqual(runtimeCandidates(facts(env)), [{ path: "D:/Local/pipd/run", ownParent: false, chosen: false }]);
  assert.deepEqual(userFolders(facts(env)), {
    state: "D:/Local/pipd/state",
    cache: "D:/Local/pipd/cache",
    config: "D:/Roaming/pipd",
  });
  assert.equal(userFolders(facts({ LOCALAPPDATA: "relative" })).cache, "C:/Users/u/AppData/Local/pipd/cache");
  const folders = { runtime: "D:/Local/pipd/run", ...userFolders(facts(env)) };
  assert.match(daemonPaths(folders, { host: "h", mnt: "" }).socket, /^D:\/Local\/pipd\/run\/[0-9a-f]{14}\/sock$/);
});
