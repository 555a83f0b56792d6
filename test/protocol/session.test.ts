import assert from "node:assert/strict";
import { test } from "node:test";
import {
  compareBuilds,
  daemonName,
  folderFault,
  parseBuildId,
  runtimeCandidates,
  userFolders,
} from "../../protocol/session.ts";

const facts = (env: Record<string, string>) => ({ env, uid: 1000, home: "/home/u", temporary: "/tmp" });
const paths = (env: Record<string, string>) => runtimeCandidates(facts(env)).map(({ path }) => path);

test("runtime folders in their order; empty and relative variables count as unset", () => {
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
  assert.deepEqual(paths({ PIPD_RUNTIME_DIR: "/r", XDG_RUNTIME_DIR: "/x" }), ["/r"]);
});

test("the other folders follow XDG", () => {
  assert.deepEqual(userFolders(facts({})), {
    state: "/home/u/.local/state/pipd",
    cache: "/home/u/.cache/pipd",
    config: "/home/u/.config/pipd",
  });
  assert.equal(userFolders(facts({ XDG_CACHE_HOME: "/c" })).cache, "/c/pipd");
});

test("each folder and each namespace has a daemon of its own", () => {
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

test("faults of a folder name path, owner and mode", () => {
  const good = { isDirectory: true, isSymbolicLink: false, uid: 1000, mode: 0o40700 };
  assert.equal(folderFault("/r", good, 1000), undefined);
  assert.deepEqual(folderFault("/r", { ...good, mode: 0o40755 }, 1000), {
    reason: "/r is open to other users (owner 1000, mode 0755, expected mode 0700)",
    tooOpen: true,
  });
  assert.equal(
    folderFault("/r", { ...good, uid: 0 }, 1000)?.reason,
    "/r belongs to another user (owner 0, mode 0700, expected owner 1000)",
  );
  assert.equal(folderFault("/r", { ...good, isDirectory: false, isSymbolicLink: true }, 1000)?.tooOpen, false);
  assert.match(folderFault("/r", { ...good, isDirectory: false }, 1000)?.reason ?? "", /not a folder/);
});

test("builds are ordered by version, then by time", () => {
  const inOrder = ["0.9.0+5.a", "0.10.0+1.b", "0.10.0+2.a", "1.0+1.a", "1.0.1+1.a"].map(parseBuildId);
  for (const [index, build] of inOrder.slice(1).entries())
    assert.ok(compareBuilds(build, inOrder[index]!) > 0 && compareBuilds(inOrder[index]!, build) < 0);
  assert.equal(compareBuilds(parseBuildId("1.0+1.a"), parseBuildId("1.0.0+1.a\n")), 0);
  assert.ok(compareBuilds(parseBuildId("junk"), parseBuildId("0.0.1+1.a")) < 0);
});
