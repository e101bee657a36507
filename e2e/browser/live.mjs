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
let edit = (html) => html; // of that file, on its way
let pagesSent = 0;
let status = 200; // of the pages
let refused = false; // whether streams are
let silent = false; // whether streams have fallen silent
const beat = 500;
const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  if (pathname === "/healthz") response.writeHead(200).end("ok");
  else if (pathname.endsWith("/changes") && refused) response.writeHead(503).end();
  else if (pathname.endsWith("/changes")) {
    let body = "";
    for await (const piece of request) body += piece;
    const stream = { pages: JSON.parse(body).pages, response };
    streams.add(stream);
    response.on("close", () => streams.delete(stream));
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(`data: ${JSON.stringify({ begins: { beat_ms: beat, renewed_after_ms: 60000 } })}\n\n`);
    const beats = setInterval(() => silent || response.write(":\n\n"), beat);
    response.on("close", () => clearInterval(beats));
  } else if (pathname === "/api/unassigned_vms_count") {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ count: free }));
  } else {
    const file = pathname.startsWith("/assets/") ? pathname : `${now}.html`;
    pagesSent += file.endsWith(".html");
    response.writeHead(file.endsWith(".html") ? status : 200, { "content-type": types[extname(file)] }).end(edit(await readFile(join(gallery, file), "utf8")));
  }
});
const listening = (port) => new Promise((done) => server.listen(port, "127.0.0.1", done));
await listening(0);
const { port } = server.address();
const tell = () => streams.forEach(({ pages, response }) => pages.forEach((page) => response.write(`data: ${JSON.stringify({ changed: page })}\n\n`)));
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });

const until = async (what, look) => {
  const deadline = Date.now() + 30000;
  while (!(await look())) {
    assert.ok(Date.now() < deadline, `still not: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
};

// Until it is listened for, and has looked again since.
async function open(name) {
  now = name;
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${port}/${name}.html`);
  const [topic, before] = [await page.locator("#live").getAttribute("data-live"), pagesSent];
  if (topic) await until(`${name} is listened for`, () => [...streams].some(({ pages }) => pages.includes(topic)) && pagesSent > before);
  return page;
}
// What a merge leaves alone must outlast one: the tab's title tells that it is done.
async function merged(page) {
  const before = pagesSent;
  tell();
  await until("the page has looked again", () => pagesSent > before);
  await page.waitForFunction(() => !document.querySelector("[data-waits]"));
  await page.evaluate(() => new Promise((done) => setTimeout(done, 400)));
}
const noticed = (page) => page.locator("#notice").textContent();

const tests = {
  async "a state change appears, with the title of the tab, and is told once in a region that stays"() {
    const page = await open("claim-connecting");
    await page.evaluate(() => {
      window.region = document.querySelector("[role=status]");
      window.heard = [];
      new MutationObserver(() => window.heard.push(window.region.textContent)).observe(window.region, { childList: true });
    });
    now = "claim-ready";
    tell();
    await page.getByRole("heading", { name: "Your machine is ready" }).waitFor();
    await page.waitForFunction(() => /ready/.test(document.title));
    assert.match(await page.locator("[aria-current=step]").textContent(), /Ready/);
    await merged(page);
    assert.deepEqual(await page.evaluate(() => [window.heard, window.region.isConnected]), [["Your machine is ready."], true]);
    assert.equal(await page.getByRole("status").count(), 1);
  },
  async "typed text, focus, selected text, scrolling and open details stay while the rest changes"() {
    // Lines come at the log's end: those that somebody reads stay where they are.
    const page = await open("operation-running");
    const state = () => page.evaluate(() => {
      const line = [...document.querySelectorAll(".log li")].find((line) => line.textContent === window.read);
      return { scrolled: window.scrollY, line: Math.round(line.getBoundingClientRect().top), selected: String(getSelection()) };
    });
    await page.addStyleTag({ content: ".log { max-height: 40px } body { min-height: 300vh }" });
    await page.evaluate(() => {
      const log = document.querySelector(".log");
      window.scrollTo(0, 150);
      window.read = [...log.querySelectorAll("li")].at(-3).textContent;
      log.scrollTop = -25;
      const title = document.querySelector("h2").firstChild;
      getSelection().setBaseAndExtent(title, 0, title, 2);
    });
    const before = await state();
    edit = (html) => html.replace("<h1>Launch", "<h1>Relaunch").replaceAll("</ol></div>", "<li>one more</li></ol></div>");
    tell();
    await page.getByRole("heading", { name: "Relaunch" }).waitFor();
    assert.equal(await page.locator(".log li", { hasText: "one more" }).count(), 1);
    assert.deepEqual(await state(), before);
    edit = (html) => html;
    await page.close();

    const claim = await open("claim-ready");
    await claim.locator("summary").click();
    await claim.locator("textarea").fill("half a comm");
    await merged(claim);
    assert.equal(await claim.locator("textarea").inputValue(), "half a comm");
    assert.ok(await claim.evaluate(() => document.activeElement.id === "command" && document.querySelector("details").open));
  },
  async "an edited form outlives what changes around it, with what is selected in it"() {
    const page = await open("claim-failed");
    await page.locator("textarea").fill("half a comm");
    await page.locator("textarea").evaluate((field) => field.setSelectionRange(2, 6));
    now = "claim-ready";
    tell();
    await page.getByRole("heading", { name: "Your machine is ready" }).waitFor();
    assert.equal(await page.locator("textarea").count(), 1);
    assert.deepEqual(await page.locator("textarea").evaluate(({ value, selectionStart, selectionEnd }) => [value, selectionStart, selectionEnd]), ["half a comm", 2, 6]);
  },
  async "whose button goes is not thrown to the top of the document"() {
    const page = await open("line-waiting");
    await page.getByRole("button", { name: "Leave the line" }).focus();
    now = "line-offered";
    tell();
    await page.getByRole("heading", { name: "A machine is ready for you" }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.innerText), "I don’t need it any more", "the same form");
    await page.close();
    const operation = await open("operation-running");
    await operation.getByRole("button", { name: "Cancel" }).focus();
    now = "operation-succeeded";
    tell();
    await operation.getByText("Succeeded").first().waitFor();
    assert.equal(await operation.evaluate(() => document.activeElement.id), "live");
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
  async "a page that is over is listened for no more"() {
    const page = await open("operation-running");
    now = "operation-succeeded";
    tell();
    await page.getByText("Succeeded").first().waitFor();
    assert.equal(await page.getByRole("button", { name: "Cancel" }).count(), 0);
    assert.equal(await page.locator("#live").getAttribute("data-live"), null);
    await until("no stream is left", () => streams.size === 0);
    assert.equal(await noticed(page), "");
  },
  async "a refused command stays to be corrected, until the machine is gone"() {
    const page = await open("claim-refused");
    now = "claim-ready";
    await merged(page);
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
  async "who is signed out is told"() {
    const page = await open("admin");
    status = 403;
    tell();
    await page.getByText("You are signed out").first().waitFor();
    status = 200;
  },
  async "a storm of events is one request at a time"() {
    const page = await open("admin");
    const before = pagesSent;
    for (let i = 0; i < 100; i++) {
      tell();
      await page.waitForTimeout(9);
    }
    assert.ok(pagesSent - before <= 20, `${pagesSent - before} requests for 100 events`);
  },
  async "the number of free machines follows the API, and typed text stays"() {
    const page = await open("request");
    await page.getByLabel("E-mail").fill("ada@example.org");
    [now, free] = ["request-none", 0];
    await page.getByText("No machine free").waitFor();
    assert.equal(await page.getByLabel("E-mail").inputValue(), "ada@example.org");
  },
  async "a stream that falls silent is lost, which is told with its time; the next is tried at once"() {
    const page = await open("line-waiting");
    [silent, status] = [true, 503];
    refused = true;
    await page.getByText(/can’t be reached. This page shows how things were at \d\d:\d\d:\d\d, and keeps trying. Your place is kept until \d\d:\d\d:\d\d/).first().waitFor();
    [silent, status, refused] = [false, 200, false];
    now = "line-offered";
    await page.getByRole("heading", { name: "A machine is ready for you" }).waitFor();
    await page.getByText("Connected again").waitFor({ state: "attached" });
    assert.equal(await noticed(page), "");
  },
  async "a place that may be lost by now is said to be"() {
    edit = (html) => html.replace(/data-kept-seconds="\d+"/, 'data-kept-seconds="3"');
    const page = await open("line-waiting");
    [silent, status, refused] = [true, 503, true];
    await page.getByText(/Your place was kept until \d\d:\d\d:\d\d: it may be lost/).first().waitFor();
    [silent, status, refused, edit] = [false, 200, false, (html) => html];
  },
  async "where streams don't get through, pages ask by themselves, and so without shared workers"() {
    refused = true;
    for (const without of [false, true]) {
      now = "claim-connecting";
      const page = await browser.newPage();
      if (without) await page.addInitScript(() => { delete window.SharedWorker; });
      await page.goto(`http://127.0.0.1:${port}/claim-connecting.html`);
      now = "claim-ready";
      await page.getByRole("heading", { name: "Your machine is ready" }).waitFor({ timeout: 60000 });
      await page.close();
    }
    refused = false;
  },
  async "a lost server is told, and so is its return"() {
    const page = await open("claim-connecting");
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
    await page.getByText("can’t be reached").first().waitFor();
    now = "claim-ready";
    await listening(port);
    await page.getByRole("heading", { name: "Your machine is ready" }).waitFor();
    await page.waitForFunction(() => document.getElementById("notice").textContent === "");
  },
  async "thirty pages of every kind share one stream for each audience"() {
    const context = await browser.newContext();
    const pages = [];
    for (let nr = 0; nr < 30; nr += 1) {
      const page = await context.newPage();
      now = nr % 2 ? "claim-connecting" : "line-waiting";
      await page.goto(`http://127.0.0.1:${port}/${now}.html`);
      pages.push(page);
    }
    now = "claim-ready";
    await until("one stream", () => streams.size === 1);
    tell();
    for (const page of pages) await page.getByRole("heading", { name: "Your machine is ready" }).waitFor();
    assert.equal(streams.size, 1);
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
