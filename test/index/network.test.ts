import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type NetworkOptions, networkSettingsOf } from "../../daemon/index/network-settings.ts";
import { bypassesProxy, proxyFor } from "../../daemon/index/proxies.ts";
import { redact } from "../../daemon/std/redact.ts";
import type { IndexServer } from "../harness/index-server.ts";
import { type ProxyServer, startHttpProxy, startSocksProxy } from "../harness/proxy-server.ts";
import { callOf, createWorld, DEMO, serve, sourcesOf, temporaryFolder, type World } from "./world.ts";

const files = { "demo-1.0-py3-none-any.whl": { bytes: Buffer.from("wheel") } };

/** Why an index gave no answer; undefined if it gave one. */
async function reasonOf(
  world: World,
  url: string,
  env: Record<string, string>,
  options: NetworkOptions = {},
): Promise<string | undefined> {
  const call = callOf();
  const found = await world.index.project(DEMO, sourcesOf(url, { env, options: { retries: 0, ...options } }), call);
  assert.doesNotMatch(JSON.stringify([call.messages, found.unreachable]), /secret|c2VjcmV0/);
  assert.equal(found.found, found.unreachable.length === 0);
  return found.unreachable[0]?.reason;
}

async function proxied(t: TestContext, made: Promise<ProxyServer>): Promise<ProxyServer> {
  const proxy = await made;
  t.after(() => proxy.close());
  return proxy;
}

const withUser = (server: IndexServer, user: string) => server.url.replace("://", `://${user}@`);

test("user name and password of the index URL are sent to its host, for files too, and nowhere else", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, { files, auth: "me:s/cr€t" });
  const elsewhere = await serve(t, { files });
  const sources = sourcesOf(withUser(server, "me:s%2Fcr%E2%82%ACt"));
  const [file] = (await world.index.project(DEMO, sources, callOf())).files;
  assert.ok(file);
  assert.doesNotMatch(file.url + file.origin, /cr%E2/);
  await world.index.download(file, join(world.folder, "demo.whl"), callOf());
  assert.match(String(await reasonOf(world, server.url, {})), /status 401/);
  assert.match(String(await reasonOf(world, withUser(server, "me:wrongsecret"), {})), /status 401/);

  server.set({ faults: { "/simple/demo/": { redirect: `${elsewhere.url}demo/` } } });
  await world.index.project(DEMO, { ...sources, refresh: "all" }, callOf());
  assert.equal(elsewhere.seen.get("/simple/demo/")?.[0]?.["authorization"], undefined);
});

test("a page fetched with credentials is not given to those who have others", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, { files, auth: "me:pw" });
  assert.equal(await reasonOf(world, withUser(server, "me:pw"), {}), undefined);
  assert.match(String(await reasonOf(world, withUser(server, "you:pw"), {})), /status 401/);
  assert.equal(await reasonOf(world.restart(), withUser(server, "me:pw"), {}), undefined);
  assert.match(String(await reasonOf(world.restart(), server.url, {})), /status 401/);
});

test("credentials come from the caller's netrc file, wherever NETRC or HOME says, and anew when it changes", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, { files, auth: "me:secret", maxAge: 0 });
  const home = temporaryFolder();
  const netrc = join(home, ".netrc");
  assert.match(String(await reasonOf(world, server.url, { HOME: home })), /status 401/);
  writeFileSync(netrc, "machine 127.0.0.1 login me password other\n");
  assert.match(String(await reasonOf(world, server.url, { HOME: home })), /status 401/);
  writeFileSync(netrc, "default login me password secret\n");
  assert.equal(await reasonOf(world, server.url, { HOME: home }), undefined);
  assert.equal(await reasonOf(world, server.url, { HOME: "/nowhere", NETRC: netrc }), undefined);
  assert.match(String(await reasonOf(world, server.url, { HOME: home }, { noProxyEnv: true })), /status 401/);
  writeFileSync(netrc, "what is this");
  assert.match(String(await reasonOf(world, server.url, { HOME: home })), /status 401/);
});

test("plain requests are forwarded by the proxy of the caller's environment, one without it goes directly", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, { files, maxAge: 0 });
  const proxy = await proxied(t, startHttpProxy());
  assert.equal(await reasonOf(world, server.url, {}), undefined);
  assert.deepEqual(proxy.seen, []);
  assert.equal(await reasonOf(world, server.url, { http_proxy: proxy.url }), undefined);
  assert.deepEqual(proxy.seen, [`GET ${server.url}demo/`]);
  assert.equal(await reasonOf(world, server.url, { HTTP_PROXY: proxy.url, NO_PROXY: "127.0.0.0/8" }), undefined);
  assert.equal(await reasonOf(world, server.url, { ALL_PROXY: proxy.url }, { noProxyEnv: true }), undefined);
  assert.equal(await reasonOf(world, server.url, { ALL_PROXY: proxy.url }, { proxy: "" }), undefined);
  assert.equal(proxy.seen.length, 1);
});

test("https goes through a tunnel, with the credentials of the proxy's URL, HTTP/2 included", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, { files, tls: "h2", maxAge: 0 });
  const proxy = await proxied(t, startHttpProxy("me:secret"));
  const cert = server.certificatePath;
  const address = new URL(proxy.url).host;
  assert.equal(await reasonOf(world, server.url, { HTTPS_PROXY: `http://me:secret@${address}` }, { cert }), undefined);
  assert.deepEqual(proxy.seen, [`CONNECT ${new URL(server.url).host}`]);
  const refused = await reasonOf(world, server.url, { HTTPS_PROXY: `http://me:wrongsecret@${address}` }, { cert });
  assert.match(String(refused), /the proxy answered 407 \(through the proxy http:\/\/me:\*\*\*\*@/);
});

test("a SOCKS proxy resolves the names itself", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, { files });
  const proxy = await proxied(t, startSocksProxy());
  const url = server.url.replace("127.0.0.1", "localhost");
  assert.equal(await reasonOf(world, url, {}, { proxy: proxy.url.replace("socks5", "socks5h") }), undefined);
  assert.deepEqual(proxy.seen, [`SOCKS ${new URL(url).host}`]);
});

test("a proxy that cannot be reached is named", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, { files });
  const reason = await reasonOf(world, server.url, {}, { proxy: "http://me:secret@127.0.0.1:9" });
  assert.match(String(reason), /connection refused \(through the proxy http:\/\/me:\*\*\*\*@127\.0\.0\.1:9\)/);
});

test("a certificate is verified against the caller's authorities; a trusted host is not verified", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, { files, tls: "h1", maxAge: 0 });
  const cert = server.certificatePath;
  assert.match(
    String(await reasonOf(world, server.url, {})),
    /certificate cannot be verified \(DEPTH_ZERO_SELF_SIGNED_CERT\)/,
  );
  for (const env of [{ REQUESTS_CA_BUNDLE: cert }, { CURL_CA_BUNDLE: cert }, { SSL_CERT_FILE: cert }]) {
    assert.equal(await reasonOf(world, server.url, env), undefined);
  }
  assert.equal(await reasonOf(world, server.url, {}, { trustedHosts: ["127.0.0.1"] }), undefined);
  assert.match(String(await reasonOf(world, server.url, {}, { trustedHosts: ["127.0.0.1:1"] })), /certificate/);
  const folder = temporaryFolder();
  mkdirSync(join(folder, "empty"));
  await assert.rejects(reasonOf(world, server.url, {}, { cert: join(folder, "missing.pem") }), {
    code: "certificate-file",
  });
});

test("R37 a host that one caller has no patience for is not down for the others", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, { files, latency: 2500 });
  assert.match(String(await reasonOf(world, server.url, {}, { timeout: 0.5 })), /did not answer in time/);
  assert.equal(await reasonOf(world, server.url, {}), undefined);
});

test("the settings follow the options, then the environment, as requests reads it", () => {
  const settings = networkSettingsOf(
    {
      http_proxy: "lower:1",
      HTTP_PROXY: "upper:1",
      all_proxy: "socks5h://all:2",
      no_proxy: "a, .b ,",
      HOME: "/home/me",
      CURL_CA_BUNDLE: "/c.pem",
    },
    { timeout: 180, clientCert: "/client.pem" },
  );
  assert.deepEqual(settings, {
    httpProxy: "http://lower:1",
    httpsProxy: "socks5://all:2",
    noProxy: ["a", ".b"],
    certificateAuthorities: "/c.pem",
    clientCertificate: "/client.pem",
    trustedHosts: [],
    idleTimeout: 180_000,
    connectTimeout: 5_000,
    retries: 5,
    resumeRetries: 5,
    netrcFiles: ["/home/me/.netrc", "/home/me/_netrc"],
  });
  assert.equal(networkSettingsOf({ HTTP_PROXY: "visitor:1", REQUEST_METHOD: "GET" }).httpProxy, undefined);
  assert.equal(networkSettingsOf({ HTTP_PROXY: "env:1" }, { proxy: "option:1" }).httpProxy, "http://option:1");
  assert.equal(proxyFor(new URL("https://b.example"), settings), "socks5://all:2");
});

test("NO_PROXY exempts hosts, suffixes, ports, addresses and blocks", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["http://a.example", "*", true],
    ["http://a.example", "example", true],
    ["http://a.example", ".a.example", true],
    ["http://xa.example", "a.example", false],
    ["http://a.example:81", "a.example:80", false],
    ["http://a.example", "a.example:80", true],
    ["https://A.example", "a.EXAMPLE:443", true],
    ["http://10.1.2.3", "10.0.0.0/8", true],
    ["http://11.1.2.3", "10.0.0.0/8", false],
    ["http://10.1.2.3", "10.1.2.3", true],
    ["http://ten.example", "10.0.0.0/8", false],
    ["http://[fe80::1]", "fe80::/10", true],
    ["http://[::1]:8080", "[::1]:8080", true],
    ["http://[::1]", "::1", true],
    ["http://10.1.2.3", "10.0.0.0/99", false],
  ];
  for (const [url, entry, expected] of cases) {
    assert.equal(bypassesProxy(new URL(url), [entry]), expected, `${url} with ${entry}`);
  }
});

test("credentials are hidden wherever a URL stands in a text", () => {
  assert.equal(
    redact("see https://me:pw@h/x and http://token@h, not mail me@h"),
    "see https://me:****@h/x and http://****@h, not mail me@h",
  );
  assert.equal(redact("git+ssh://git:p@w@h/x?a=b@c"), "git+ssh://git:****@h/x?a=b@c");
  assert.equal(redact("https://h/a@b:c@d"), "https://h/a@b:c@d");
});
