// Chromium, Firefox and WebKit as people have them, through each one's own WebDriver (W3C): what the
// tests here need of it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { tmpdir } from "node:os";

const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";
const chromium = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
export const browsers = {
  chromium: {
    driver: (port) => ["chromedriver", `--port=${port}`],
    capabilities: { "goog:chromeOptions": { binary: process.env.CHROMIUM ?? "/usr/bin/chromium", args: chromium } },
  },
  firefox: {
    driver: (port) => ["geckodriver", "--port", port, "--log", "error"],
    capabilities: { "moz:firefoxOptions": { args: ["-headless"] } },
  },
  // It has no mode without a display: scripts that use it run under xvfb-run.
  webkit: {
    driver: (port) => ["WebKitWebDriver", `--port=${port}`],
    capabilities: { "webkitgtk:browserOptions": { binary: process.env.MINIBROWSER ?? "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser", args: ["--automation"] } },
  },
};
export const patience = 90000; // ms that a step may take: the machine may be busy
export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export async function freePort() {
  const server = createServer();
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

// Until it gives something; what it gives.
export async function until(what, look, limit = patience) {
  const deadline = Date.now() + limit;
  for (let last; ; await pause(100)) {
    try {
      const found = await look();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    assert.ok(Date.now() < deadline, `still not: ${what}${last ? ` (${last.message})` : ""}`);
  }
}

// `within`: words of a command that runs the driver and its browser somewhere else, as in a
// network namespace; `driverAt` is where that is reached from here.
export async function open(name, { within = [], driverAt = "127.0.0.1" } = {}) {
  const port = await freePort();
  const { driver, capabilities } = browsers[name];
  const [program, ...words] = [...within, ...driver(port).map(String)];
  if (driverAt !== "127.0.0.1") words.push(...{ chromium: ["--allowed-ips=", "--allowed-origins=*"], firefox: ["--host", driverAt, "--allow-hosts", driverAt], webkit: [`--host=${driverAt}`] }[name]);
  // Nothing of one run is left to the next.
  const home = `${tmpdir()}/lablink-browser-${port}`;
  const child = spawn(program, words, { stdio: ["ignore", "ignore", "inherit"], detached: true, env: { ...process.env, HOME: home, XDG_RUNTIME_DIR: home, MOZ_HEADLESS: "1" } });
  const browser = new Browser(`http://${driverAt}:${port}`, child);
  await until(`${name}'s driver answers`, async () => (await fetch(`${browser.driver}/status`)).ok, 30000);
  const session = await browser.call("POST", "/session", { capabilities: { alwaysMatch: { ...capabilities, pageLoadStrategy: "normal" } } });
  browser.session = `/session/${session.sessionId}`;
  return browser;
}

class Browser {
  constructor(driver, child) {
    Object.assign(this, { driver, child, session: "" });
  }
  async call(method, path, body) {
    const answer = await fetch(this.driver + (path.startsWith("/session") ? path : this.session + path), {
      method, body: body && JSON.stringify(body), headers: { "content-type": "application/json" }, signal: AbortSignal.timeout(patience),
    });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`${value.error}: ${value.message}`);
    return value;
  }
  goto = (url) => this.call("POST", "/url", { url });
  back = () => this.call("POST", "/back", {});
  url = () => this.call("GET", "/url");
  title = () => this.call("GET", "/title");
  run = (script, ...args) => this.call("POST", "/execute/sync", { script, args });
  async find(xpath) {
    const found = await this.call("POST", "/element", { using: "xpath", value: xpath });
    return `/element/${found[ELEMENT]}`;
  }
  wait = (xpath, limit) => until(xpath, () => this.find(xpath), limit);
  click = async (xpath) => this.call("POST", `${await this.wait(xpath)}/click`, {});
  text = async (xpath) => this.call("GET", `${await this.wait(xpath)}/text`);
  async fill(xpath, text) {
    const field = await this.wait(xpath);
    await this.call("POST", `${field}/clear`, {});
    await this.call("POST", `${field}/value`, { text });
  }
  // What people call them.
  press = (name) => this.click(`//button[normalize-space()=${quoted(name)}]`);
  follow = (name) => this.click(`//a[normalize-space()=${quoted(name)}]`);
  type = (label, text) => this.fill(`//*[@id=//label[contains(., ${quoted(label)})]/@for]`, text);
  heading = (name, limit) => this.wait(`//h1[contains(normalize-space(), ${quoted(name)})]`, limit);
  arrives = (pattern) => until(`the address is like ${pattern}`, async () => pattern.test(await this.url()));
  // A page in a tab that is not in front takes itself for hidden. WebKit's driver brings none to the
  // front: what must be seen needs a window of its own.
  async tab(type = "tab") {
    const { handle } = await this.call("POST", "/window/new", { type });
    await this.to(handle);
    return handle;
  }
  to = (handle) => this.call("POST", "/window", { handle });
  here = () => this.call("GET", "/window");
  async close() {
    await this.call("DELETE", this.session).catch(() => {});
    try { process.kill(-this.child.pid); } catch {}
  }
}
const quoted = (text) => text.includes('"') ? `'${text}'` : `"${text}"`;

// Each step stands on the one before: the first that fails is the last. True: all went well.
export async function walk(steps) {
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step();
      console.log(`ok ${name}`);
    } catch (error) {
      console.log(`FAILED ${name}: ${error.stack}`);
      return false;
    }
  }
  return true;
}
