// A participant's desktop in the tab of a real Chromium, on a real VNC server: claimed with an e-mail
// alone, seen, typed into, pasted both ways, back after the network was away for ten seconds, and gone
// with the claim. Without JavaScript the page says what to do.
//
//   node desktop.mjs [FOLDER for screenshots]
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { start } from "./lablink.mjs";
import { until } from "./webdriver.mjs";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const shots = process.argv[2];
const problems = [];

// The text of axe-core, if it is installed.
async function axeCore() {
  try {
    return await readFile(require.resolve("axe-core/axe.min.js"), "utf8");
  } catch {
    return undefined;
  }
}

// The network between the browser and LabLink, which can be taken away.
async function network(to) {
  const { hostname, port } = new URL(to);
  let isAway = false;
  const sockets = new Set();
  const server = net.createServer((near) => {
    if (isAway) return near.destroy();
    const far = net.connect(port, hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => { sockets.delete(socket); near.destroy(); far.destroy(); });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const away = (is) => {
    isAway = is;
    if (is) sockets.forEach((socket) => socket.destroy());
  };
  const close = () => { away(true); server.close(); };
  return { base: `http://127.0.0.1:${server.address().port}`, away, close };
}

async function visitor(browser, options) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => problems.push(`${page.url()}: ${error.message}`));
  page.on("console", (message) => {
    // What the network's absence makes a browser say is no problem of the page.
    if (message.type() === "error" && !/WebSocket|Failed to load resource|Failed when connecting|ERR_/.test(message.text())) problems.push(message.text());
  });
  return page;
}

const picture = (page) => page.locator("#screen canvas").screenshot();
const says = (page, pattern) => until(`it says ${pattern}`, async () => pattern.test(await page.locator("#state").innerText()));

const lablink = await start({ config: "config/dev.yaml" });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"] });
const way = await network(lablink.base);
const folder = await mkdtemp(join(tmpdir(), "lablink-typed-"));
const made = (name) => until(`${name} is made on the machine`, () => existsSync(join(folder, name)));
let page, desktop;

async function typed(text) {
  await page.keyboard.type(text, { delay: 5 });
  await page.keyboard.press("Enter");
}

async function look(name) {
  if (!shots) return;
  await mkdir(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${name}.png`) });
}

const steps = {
  async "a participant claims with an e-mail alone"() {
    await lablink.waitForFree(2);
    page = await visitor(browser);
    await until("the claim is granted", async () => {
      await page.goto(way.base);
      await page.getByLabel("E-mail").fill("ada@example.org");
      await page.getByRole("button", { name: "Get my machine" }).click();
      await page.waitForLoadState();
      return /\/claims\//.test(page.url());
    });
    await page.getByRole("heading", { name: "Your machine is ready" }).waitFor();
    await look("claim");
    await page.getByRole("link", { name: "Open the desktop" }).click();
  },
  async "and sees a desktop that moves"() {
    await says(page, /^Connected$/);
    desktop = page.url();
    const colours = () => page.evaluate(() => {
      const canvas = document.querySelector("#screen canvas");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    });
    await until("a window is on it", async () => (await colours()) > 8);
    const before = await picture(page);
    await typed("seq 5");
    await until("it changes", async () => !(await picture(page)).equals(before));
    await look("desktop");
  },
  async "types into it"() {
    await page.locator("#screen canvas").click();
    await until("a shell takes what is typed", async () => {
      await typed(`touch ${folder}/typed`);
      await new Promise((done) => setTimeout(done, 300));
      return existsSync(join(folder, "typed"));
    });
  },
  async "brings text to it"() {
    await page.locator("#clipboard summary").click();
    await page.getByLabel("Text of the desktop’s clipboard").fill(`touch ${folder}/pasted`);
    await page.getByRole("button", { name: "Send to the desktop" }).click();
    await page.keyboard.press("Shift+Insert");
    // The text arrives when the programs on the desktop have handed it over to one another.
    await until("what was pasted is carried out", async () => {
      await page.keyboard.press("Enter");
      return existsSync(join(folder, "pasted"));
    });
  },
  async "and takes text from it"() {
    await typed("clear; echo words-of-the-desktop");
    const text = page.locator("#text");
    const box = await page.locator("#screen canvas").boundingBox();
    await until("what is marked there arrives", async () => {
      // Line by line, below the window's title.
      for (let y = box.height * 0.46; y > box.height * 0.34; y -= 5) {
        await page.mouse.click(box.x + box.width / 2 - 200, box.y + y, { clickCount: 3, delay: 5 });
        if (/words-of-the-desktop/.test(await text.inputValue())) return true;
      }
      return false;
    });
  },
  async "fits it to the window"() {
    await page.setViewportSize({ width: 900, height: 640 });
    await until("the desktop has the window's size", () => page.evaluate(() => {
      const [canvas, screen] = [document.querySelector("#screen canvas"), document.querySelector("#screen")];
      // A window may have a part of a pixel.
      return Math.abs(canvas.width - screen.clientWidth) <= 1 && Math.abs(canvas.height - screen.clientHeight) <= 1;
    }));
  },
  async "is told when the network is away for ten seconds, and is back"() {
    way.away(true);
    await says(page, /Trying again/);
    await look("away");
    await new Promise((done) => setTimeout(done, 10_000));
    way.away(false);
    await says(page, /^Connected$/);
    await page.locator("#screen canvas").click();
    await typed(`touch ${folder}/back`);
    await made("back");
  },
  async "another participant gets another desktop, and a made-up link opens none"() {
    const other = await visitor(browser);
    await other.goto(desktop.replace(/claims\/.{4}/, "claims/xxxx"));
    assert.match(await other.locator("body").innerText(), /link belongs to no machine/);
    await other.context().close();
  },
  async "the page has no fault that axe finds"() {
    const axe = await axeCore();
    if (!axe) return console.log("  axe-core is not here: not looked at");
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run());
    assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target)}`), []);
  },
  async "without JavaScript it says what to do"() {
    const plain = await visitor(browser, { javaScriptEnabled: false });
    await plain.goto(desktop);
    assert.match(await plain.locator("body").innerText(), /Switch JavaScript on/);
    await plain.context().close();
  },
  async "giving the machine back ends it, and leads to the claim's page"() {
    const other = await visitor(browser);
    await other.goto(desktop.replace(/\/desktop$/, "/return"));
    await other.getByRole("button", { name: /Give/ }).click();
    await page.getByRole("heading", { name: "You gave this machine back" }).waitFor();
    await other.context().close();
  },
};

let failed = 0;
for (const [name, step] of Object.entries(steps)) {
  try {
    await step();
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}: ${error.stack}`);
    await look("failed");
    break;
  }
}
if (failed) console.log((await readFile(join(lablink.folder, "log"), "utf8")).split("\n").slice(-15).join("\n"));
await browser.close();
way.close();
await lablink.stop();
await rm(folder, { recursive: true, force: true });
problems.forEach((problem) => console.log(problem));
process.exitCode = failed || problems.length ? 1 : 0;
