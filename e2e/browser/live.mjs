// Tests live.js in a browser: what changes on the server appears, and what somebody does on the
// page stays. The gallery's files stand in for a page at different moments.
//
//   node live.mjs GALLERY_FOLDER
//
// playwright-core is found through NODE_PATH; CHROMIUM names the browser.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";

const { chromium } = createRequire(import.meta.url)("playwright-core");
const gallery = process.argv[2];
const types = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };
const streams = new Set();
let now; // the file that every page is at this moment
let free = 12;
let pagesSent = 0;
let status = 200; // of the pages
const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  if (pathname.endsWith("/events")) {
    response.writeHead(200, { "content-type": "text/event-stream" }).write(":\n\n");
    streams.add(response);
  } else if (pathname === "/api/unassigned_vms_count") {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ count: free }));
  } else {
    const file = pathname.startsWith("/assets/") ? pathname : `${now}.html`;
    pagesSent += file.endsWith(".html");
    response.writeHead(file.endsWith(".html") ? status : 200, { "content-type": types[extname(file)] }).end(await readFile(join(gallery, file)));
  }
});
const listening = (port) => new Promise((done) => server.listen(port, "127.0.0.1", done));
await listening(0);
const { port } = server.address();
const tell = () => streams.forEach((stream) => stream.write("data: changed\n\n"));
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });

async function open(name) {
  now = name;
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${port}/${name}.html`);
  await page.waitForFunction(() => document.readyState === "complete");
  return page;
}

const tests = {
  async "a state change appears, with the title of the tab"() {
    const page = await open("claim-connecting");
    now = "claim-ready";
    await page.waitForTimeout(100);
    tell();
    await page.getByRole("heading", { name: "Your machine is ready" }).waitFor();
    assert.match(await page.title(), /ready/);
    assert.match(await page.locator("[aria-current=step]").textContent(), /Ready/);
  },
  async "typed text, focus and open details stay"() {
    const page = await open("claim-ready");
    await page.locator("summary").click();
    await page.locator("textarea").fill("half a comm");
    now = "claim-ready";
    tell();
    await page.waitForTimeout(500);
    assert.equal(await page.locator("textarea").inputValue(), "half a comm");
    assert.ok(await page.evaluate(() => document.activeElement.id === "command" && document.querySelector("details").open));
  },
  async "an edited form outlives what changes around it"() {
    const page = await open("claim-failed");
    await page.locator("textarea").fill("half a comm");
    now = "claim-ready";
    tell();
    await page.getByRole("heading", { name: "Your machine is ready" }).waitFor();
    assert.equal(await page.locator("textarea").count(), 1);
  },
  async "rows come and go"() {
    const page = await open("instances");
    now = "instances-50";
    tell();
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 50);
    now = "instances-empty";
    tell();
    await page.getByText("No VMs yet").waitFor();
  },
  async "a page that is over stops listening"() {
    const page = await open("operation-running");
    await page.waitForTimeout(700);
    now = "operation-succeeded";
    tell();
    streams.forEach((stream) => stream.end()); // as the server does after the last event
    await page.getByText("Succeeded").first().waitFor();
    assert.equal(await page.getByRole("button", { name: "Cancel" }).count(), 0);
    assert.equal(await page.locator("#live").getAttribute("data-live"), null);
    await page.waitForTimeout(3500);
    assert.equal(await page.locator("#offline").textContent(), "");
  },
  async "a refused command stays to be corrected, until the machine is gone"() {
    const page = await open("claim-refused");
    now = "claim-ready";
    tell();
    await page.waitForTimeout(700);
    assert.equal(await page.locator("#problem").count(), 1);
    now = "claim-destroyed";
    tell();
    await page.getByRole("heading", { name: "This machine is gone" }).waitFor();
  },
  async "a page that is no longer there says what to do"() {
    const page = await open("claim-ready");
    [now, status] = ["error", 404];
    tell();
    await page.getByRole("heading", { name: "There is nothing here" }).waitFor();
    assert.equal(await page.getByRole("link", { name: "To the start page" }).count(), 1);
    status = 200;
  },
  async "a storm of events is one request per 300 ms"() {
    const page = await open("admin");
    await page.waitForTimeout(700);
    const before = pagesSent;
    for (let i = 0; i < 100; i++) {
      tell();
      await page.waitForTimeout(9);
    }
    assert.ok(pagesSent - before <= 6, `${pagesSent - before} requests`);
  },
  async "the number of free machines follows the API, and typed text stays"() {
    const page = await open("request");
    await page.getByLabel("E-mail").fill("ada@example.org");
    [now, free] = ["request-none", 0];
    await page.getByText("No machine free").waitFor({ timeout: 8000 });
    assert.equal(await page.getByLabel("E-mail").inputValue(), "ada@example.org");
  },
  async "a lost server is told, and so is its return"() {
    const page = await open("claim-connecting");
    await page.waitForTimeout(500);
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
    await page.getByText("Reconnecting").waitFor();
    now = "claim-ready";
    await listening(port);
    await page.getByRole("heading", { name: "Your machine is ready" }).waitFor({ timeout: 10000 });
    await page.waitForFunction(() => document.getElementById("offline").textContent === "");
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}: ${error.stack}`);
  }
  for (const context of browser.contexts()) await context.close();
  streams.clear();
}
await browser.close();
server.closeAllConnections();
server.close();
console.log(`${Object.keys(tests).length - failed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
