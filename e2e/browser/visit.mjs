// What the walks through LabLink share: browsers as people use them, looking at pages in every
// look, and what counts as a problem. Called as its importer was: URL PASSWORD_FILE OUTPUT_FOLDER.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const axe = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");
export const [base, passwordFile, output] = process.argv.slice(2);
export const httpCredentials = { username: process.env.ADMIN_USER ?? "admin", password: (await readFile(passwordFile, "utf8")).trim() };
export const command = (code) => `DISPLAY= /opt/google/chrome-remote-desktop/start-host --code="${code}" --redirect-url="https://remotedesktop.google.com/_/oauthredirect" --name=$(hostname)`;
const looks = [390, 1440].flatMap((width) => ["light", "dark"].map((colorScheme) => ({ width, colorScheme })));
export const problems = [];
export const patience = { timeout: 60000 };

await mkdir(output, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

export async function visitor(options) {
  const context = await browser.newContext({ reducedMotion: "reduce", viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(patience.timeout);
  // What the policy refuses is told on the console as well.
  // A refusal is told there too, and is an answer like any other.
  page.on("console", (message) => message.type() === "error" && !/status of 4\d\d/.test(message.text()) && problems.push(`${page.url()}: ${message.text()}`));
  page.on("pageerror", (error) => problems.push(`${page.url()}: ${error.message}`));
  page.on("response", (answer) => answer.status() >= 500 && problems.push(`${answer.url()}: ${answer.status()}`));
  return page;
}

// The page as it stands, in every look, without asking for it again.
export async function look(page, name) {
  for (const { width, colorScheme } of looks) {
    const label = `${name}-${width}-${colorScheme}`;
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(output, `${label}.png`), fullPage: true });
    const tooWide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    if (tooWide) problems.push(`${label}: scrolls sideways`);
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run());
    for (const { id, impact, nodes } of violations.filter(({ impact }) => ["serious", "critical"].includes(impact))) {
      problems.push(`${label}: ${impact} ${id}: ${nodes.map((node) => node.target).join(", ")}`);
    }
  }
}

// Shows later that the page changed by itself: a reload forgets the mark.
export const mark = (page) => page.evaluate(() => { window.tourMark = true; });
export const isMarked = (page) => page.evaluate(() => window.tourMark === true);
export const openPage = (page, path) => page.goto(new URL(path, base).href);

export async function waitForFree(page, count) {
  await openPage(page, "/");
  const deadline = Date.now() + patience.timeout;
  for (;;) {
    const answer = await page.request.get(new URL("/api/unassigned_vms_count", base).href);
    if ((await answer.json()).count >= count) return;
    assert.ok(Date.now() < deadline, `${count} VMs are not free yet`);
    await new Promise((done) => setTimeout(done, 300));
  }
}

export async function claim(page, email, code) {
  await openPage(page, "/");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Command from Chrome Remote Desktop").fill(command(code));
  await page.getByRole("button", { name: "Get my machine" }).click();
  await page.waitForURL(/\/claims\//);
}

export const isReady = (page) => page.getByRole("heading", { name: "Your machine is ready" }).waitFor(patience);
export const succeeded = (page) => page.locator("h1 .pill", { hasText: "Succeeded" }).waitFor(patience);

// Each step stands on the one before: the first that fails is the last.
export async function walk(steps) {
  let failed = 0;
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step();
      console.log(`ok ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED ${name}: ${error.stack}`);
      break;
    }
  }
  await browser.close();
  problems.forEach((problem) => console.log(problem));
  console.log(`${failed} steps failed, ${problems.length} problems`);
  process.exitCode = failed || problems.length ? 1 : 0;
}
