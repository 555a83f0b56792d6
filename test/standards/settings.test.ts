import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidText } from "../../daemon/standards/invalid-text.ts";
import { DEFAULT_SETTINGS, parseSettings } from "../../daemon/standards/settings.ts";

test("settings: what is not said is the default", () => {
  assert.deepEqual(parseSettings(""), DEFAULT_SETTINGS);
  const text = 'idle-timeout = "30m"\nstore-limit = "1.5GB"\nhttp = true\nhttp-port = 8123\ndaemon = false\n';
  assert.deepEqual(parseSettings(text), {
    ...DEFAULT_SETTINGS,
    idleTimeout: 1800,
    storeLimit: 1.5e9,
    http: true,
    httpPort: 8123,
    daemon: false,
  });
});

test("settings: a fault names line, key and what is expected", () => {
  const cases: readonly (readonly [text: string, message: RegExp])[] = [
    ["\nhttp = 1\n", /line 2: http must be true or false/],
    ['http-port = "80"\n', /line 1: http-port must be a whole number from 0 to 65535/],
    ["http = true\nhttp-port = 65536\n", /line 2: http-port must be a whole number from 0 to 65535/],
    ["http = true\nhtp-port = 1\n", /line 2: htp-port is not a setting of pipd \(there are: .*http, http-port\)/],
    ["http-port = 1\nhttp = 1\n", /line 2: http must be/],
    ["idle-timeout = -1\n", /line 1: idle-timeout must be seconds/],
    ["http = \n", /line 1: /],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parseSettings(text),
      (error) => error instanceof InvalidText && message.test(error.message),
      text,
    );
  }
});
