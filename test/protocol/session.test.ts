import assert from "node:assert/strict";
import { test } from "node:test";
import { folderFault, socketFault, withoutSudoUser } from "../../protocol/runtime-folder.ts";
import {
  compareBuilds,
  daemonName,
  describeChange,
  parseBuildId,
  runtimeCandidates,
  userFolders,
} from "../../protocol/session.ts";

const facts = (env: Record<string, string>) => ({
  env,
  uid: 1000,
  home: "/home/u",
  temporary: "/tmp",
  platform: "linux",
});
const paths = (env: Record<string, string>) => runtimeCandidates(facts(env)).map(({ path }) => path);

test("R1 runtime folders in their order; empty and relative variables count as unset", () => {
  const rest = ["/run/user/1000/pipd", "/tmp/pipd-1000", "/home/u/.cache/pipd/run"];
  assert.deepEqual(paths({}), rest);
  assert.deepEqual(paths({ XDG_RUNTIME_DIR: "", PIPD_RUNTIME_DIR: "", TMPDIR: "" }), rest);
  assert.deepEqual(paths({ XDG_RUNTIME_DIR: "relative" }), rest);
  assert.deepEqual(paths({ XDG_RUNTIME_DIR: "/x/", TMPDIR: "/t" }), [
    "/x/pipd",
    "/run/user/1000/pipd",
    "/t/pipd-1000",
    "/home/u/.cache/pipd/run",
  ]);
  assert.deepEqual(paths({ PIPD_RUNTIME_DIR: "/r", XDG_RUNTIME_DIR: "/x" }), ["/r", "/x/pipd", ...rest]);
});

test("the other folders follow XDG", () => {
  assert.deepEqual(userFolders(facts({})), {
    state: "/home/u/.local/state/pipd",
    cache: "/home/u/.cache/pipd",
    config: "/home/u/.config/pipd",
  });
  assert.equal(userFolders(facts({ XDG_CACHE_HOME: "/c" })).cache, "/c/pipd");
});

test("R36 each folder and each namespace has a daemon of its own", () => {
  const folders = { runtime: "/r", state: "/s", cache: "/c", config: "/o" };
  const namespace = { host: "h", mnt: "1" };
  const identities = [
    daemonName(folders, namespace),
    ...(["state", "cache", "config"] as const).map((key) => daemonName({ ...folders, [key]: "/other" }, namespace)),
    daemonName(folders, { ...namespace, host: "x" }),
    daemonName(folders, { ...namespace, mnt: "2" }),
  ];
  assert.equal(new Set(identities).size, identities.length);
  assert.ok(identities.every((name) => /^[0-9a-f]{14}$/.test(name)));
});

/** As lstat would say it. */
function fileFacts(type: "folder" | "link" | "socket" | "file", uid: number, mode: number) {
  return {
    isDirectory: () => type === "folder",
    isSymbolicLink: () => type === "link",
    isSocket: () => type === "socket",
    uid,
    mode,
  };
}

test("R2 R8 faults of a folder and of a socket name path, owner and mode", () => {
  assert.equal(folderFault("/r", fileFacts("folder", 1000, 0o40700), 1000), undefined);
  assert.deepEqual(folderFault("/r", fileFacts("folder", 1000, 0o40755), 1000), {
    reason: "/r is open to other users (owner 1000, mode 0755, expected mode 0700)",
    tooOpen: true,
  });
  assert.equal(
    folderFault("/r", fileFacts("folder", 0, 0o40700), 1000)?.reason,
    "/r belongs to another user (owner 0, mode 0700, expected owner 1000)",
  );
  assert.equal(folderFault("/r", fileFacts("link", 1000, 0o120777), 1000)?.tooOpen, false);
  assert.match(folderFault("/r", fileFacts("file", 1000, 0o100600), 1000)?.reason ?? "", /not a folder/);
  assert.equal(socketFault("/r/sock", fileFacts("socket", 1000, 0o140600), 1000), undefined);
  assert.equal(
    socketFault("/r/sock", fileFacts("socket", 1001, 0o140600), 1000),
    "/r/sock belongs to another user (owner 1001, mode 0600, expected owner 1000)",
  );
  for (const type of ["file", "link", "folder"] as const)
    assert.equal(
      socketFault("/r/sock", fileFacts(type, 1000, 0o100600), 1000),
      "/r/sock is not a socket (owner 1000, mode 0600)",
    );
});

test("R11 after sudo the folders of the user who typed it count as unset", () => {
  const owners: Record<string, number> = { "/": 0, "/home": 0, "/home/u": 1000, "/srv/u": 1000, "/srv": 0, "/tmp": 0 };
  const seen = (uid: number, env: Record<string, string>) =>
    withoutSudoUser(
      { env, uid, home: "/home/u", temporary: "/tmp", platform: "linux" },
      () => "/root",
      (path) => owners[path],
    );
  const env = {
    SUDO_UID: "1000",
    XDG_RUNTIME_DIR: "/home/u/run",
    XDG_CACHE_HOME: "/srv/u/cache/deeper",
    XDG_STATE_HOME: "/srv/root",
    TMPDIR: "/tmp",
  };
  const { home, env: kept } = seen(0, env);
  assert.equal(home, "/root");
  assert.deepEqual(kept, { ...env, XDG_RUNTIME_DIR: undefined, XDG_CACHE_HOME: undefined });
  for (const [uid, variable] of [
    [0, {}],
    [1000, { SUDO_UID: "1000" }],
    [1001, { SUDO_UID: "0" }],
    [0, { SUDO_UID: "" }],
  ] as const)
    assert.equal(seen(uid, { ...env, SUDO_UID: "", ...variable }).home, "/home/u");
});

test("R33 builds are ordered by version, then by time", () => {
  const inOrder = ["0.9.0+5.a", "0.10.0+1.b", "0.10.0+2.a", "1.0+1.a", "1.0.1+1.a"].map(parseBuildId);
  for (const [index, build] of inOrder.slice(1).entries())
    assert.ok(compareBuilds(build, inOrder[index]!) > 0 && compareBuilds(inOrder[index]!, build) < 0);
  assert.equal(compareBuilds(parseBuildId("1.0+1.a"), parseBuildId("1.0.0+1.a\n")), 0);
  assert.ok(compareBuilds(parseBuildId("junk"), parseBuildId("0.0.1+1.a")) < 0);
});

test("R35 a change of builds in words", () => {
  const say = (from: string, to: string): string => describeChange(parseBuildId(from), parseBuildId(to));
  assert.equal(say("1.2+1.a", "1.3+2.b"), "upgraded 1.2 -> 1.3");
  assert.equal(say("1.10+1.a", "1.9+2.b"), "downgraded 1.10 -> 1.9");
  assert.equal(say("1.2+1.a", "1.2+2.b"), "another build of 1.2");
});
