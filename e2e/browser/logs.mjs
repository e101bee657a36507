// Tests the page of a VM's log in a browser, on a running LabLink with LABLINK_AGENT_AUTH=open: lines
// appear as they come, whoever scrolls up keeps the place, and 100,000 lines stay smooth.
//
//   node logs.mjs URL PASSWORD_FILE     or, with all that it needs: make test-browser
//
// It makes a VM of its own. playwright-core is found through NODE_PATH; CHROMIUM names the browser.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";

const { chromium } = createRequire(import.meta.url)("playwright-core");
const [base, passwordFile] = process.argv.slice(2);
const httpCredentials = { username: process.env.ADMIN_USER ?? "admin", password: (await readFile(passwordFile, "utf8")).trim() };
const vm = `log-test-${Date.now()}`;
const address = `${base}/admin/logs/${vm}`;
const problems = [];

async function post(path, body) {
  const answer = await fetch(base + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.text());
}
const write = (...messages) => post("/api/vm-logs", { log_group: "test", log_stream: vm, messages });
const numbered = (from, count) => Array.from({ length: count }, (_, nr) => `line ${from + nr}`);

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
async function open(url, options) {
  const context = await browser.newContext({ httpCredentials, viewport: { width: 1200, height: 900 }, ...options });
  const page = await context.newPage();
  // What the content security policy refuses is told on the console as well.
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(error.message));
  await page.goto(url);
  return page;
}
const fromEnd = (page) => page.locator("#log").evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight);
const last = (page) => page.locator("#lines li").last();

const tests = {
  async "an empty log says what it waits for, and goes when the first line comes"() {
    await post("/api/vm-status", { hostname: vm, status: "running" });
    const page = await open(address);
    await page.getByText("No lines yet").waitFor();
    await write("first");
    await last(page).getByText("first").waitFor({ timeout: 2000 });
    assert.equal(await page.getByText("No lines yet").count(), 0);
    await page.context().close();
  },
  async "a line appears within a second, with its colour and its level, as text"() {
    const page = await open(address);
    const start = Date.now();
    await write("boot[ERROR]: \u001b[31m<b>red</b>\u001b[0m");
    await page.locator("li.error .fg-1", { hasText: "<b>red</b>" }).waitFor({ timeout: 2000 });
    console.log(`  seen after ${Date.now() - start} ms`);
    await page.context().close();
  },
  async "who scrolls up keeps the place until they follow again"() {
    await write(...numbered(0, 300));
    const page = await open(address);
    assert.ok(await fromEnd(page) < 5, "it opens at the end");
    await page.locator("#log").hover();
    await page.mouse.wheel(0, -1500);
    await page.waitForFunction(() => !document.getElementById("follow").checked);
    const place = await page.locator("#log").evaluate((log) => log.scrollTop);
    await write(...numbered(300, 50));
    await page.locator("#lines li", { hasText: "line 349" }).waitFor({ state: "attached" });
    assert.ok(Math.abs(await page.locator("#log").evaluate((log) => log.scrollTop) - place) < 3);
    await page.getByLabel("Follow").check();
    await write("the newest");
    await last(page).getByText("the newest").waitFor();
    assert.ok(await fromEnd(page) < 5);
    await page.context().close();
  },
  async "errors are jumped to, lines wrap or not, and the search finds"() {
    const page = await open(address);
    await page.getByText("Jump to errors").click();
    await page.locator("li.error:target").waitFor();
    assert.ok(await page.locator("li.error").first().isVisible());
    await page.getByLabel("Wrap lines").uncheck();
    assert.equal(await last(page).evaluate((line) => getComputedStyle(line).whiteSpace), "pre");
    await page.getByPlaceholder("Search this log").fill("LINE 12");
    await page.getByRole("button", { name: "Search" }).click();
    assert.deepEqual(await page.locator("#lines li").evaluateAll((lines) => lines.map((line) => line.textContent.slice(9))), ["line 12", ...numbered(120, 10)]);
    assert.equal(await page.locator("#lines mark").first().textContent(), "line 12");
    await page.getByText("Newest lines").click();
    await last(page).getByText("the newest").waitFor();
    await page.context().close();
  },
  async "earlier lines come above without a jump"() {
    await write(...numbered(1000, 700));
    const page = await open(address);
    const before = await fromEnd(page);
    assert.equal(await page.locator("#lines li").count(), 500);
    await page.getByText("Earlier lines").click();
    await page.waitForFunction(() => document.querySelectorAll("#lines li").length === 1000);
    assert.ok(Math.abs(await page.locator("#log").evaluate((log) => log.scrollTop)) > 100, "not thrown to the top");
    assert.ok(before < 5);
    await page.context().close();
  },
  async "100,000 lines come while somebody watches, and stay smooth"() {
    const page = await open(address);
    const start = Date.now();
    for (let from = 0; from < 100000; from += 5000) await write(...numbered(from, 5000));
    await page.locator("#lines li", { hasText: /line 99999$/ }).waitFor({ state: "attached", timeout: 120000 });
    console.log(`  all there after ${Date.now() - start} ms`);
    const count = await page.locator("#lines li").count();
    assert.ok(count >= 100000 && count < 105000, `${count} lines are kept`);
    await page.getByLabel("Follow").uncheck();
    const frames = await page.evaluate(async () => {
      const log = document.getElementById("log");
      const frames = [];
      let last = performance.now();
      for (let step = 0; step < 120; step += 1) {
        log.scrollTop = (log.scrollHeight * step) / 120;
        const now = await new Promise(requestAnimationFrame);
        frames.push(now - last);
        last = now;
      }
      return frames.sort((one, other) => one - other);
    });
    const [usual, slowest] = [frames[60], frames[119]];
    console.log(`  120 jumps through them: a frame usually takes ${usual.toFixed(0)} ms, the slowest ${slowest.toFixed(0)} ms`);
    // A busy machine makes one frame slow, but not most of them.
    assert.ok(usual < 200);
    await page.context().close();
  },
  async "without script it is read page by page"() {
    const page = await open(address, { javaScriptEnabled: false });
    await last(page).getByText("line 99999").waitFor();
    await page.getByText("Earlier lines").click();
    await last(page).getByText("line 99499").waitFor();
    await page.context().close();
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok   ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}\n${error.stack}`);
  }
}
await browser.close();
for (const problem of problems) console.log(`FAIL console: ${problem}`);
process.exit(failed + problems.length && 1);
