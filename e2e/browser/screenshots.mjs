// Looks at every page of the gallery, narrow and wide, light and dark, and in forced colours: takes
// screenshots, runs axe-core, and fails on accessibility violations, sideways scrolling and what the
// content security policy refuses. Then once more with a default font of 28 px and with text at
// 200 %, for what does not fit.
//
//   node screenshots.mjs GALLERY_FOLDER OUTPUT_FOLDER [NAME…]
//
// playwright-core and axe-core are found through NODE_PATH; CHROMIUM names the browser.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { mkdir, readFile, readdir } from "node:fs/promises";
import { extname, join, normalize } from "node:path";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const axe = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");
const [gallery, output, ...wanted] = process.argv.slice(2);
const types = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const server = createServer(async (request, response) => {
  const path = normalize(new URL(request.url, "http://localhost").pathname);
  if (path.endsWith("/changes")) {
    response.writeHead(200, { "content-type": "text/event-stream" }).write('data: {"begins":{"beat_ms":60000,"renewed_after_ms":60000}}\n\n');
    return;
  }
  if (path.endsWith("/lines")) {
    response.writeHead(200, { "content-type": types[".html"] }).end(); // no newer line of a log
    return;
  }
  // A live page asks for itself by its true path: it gets the file that it came from.
  const file = extname(path) ? path : new URL(request.headers.referer ?? "/-", "http://localhost").pathname;
  try {
    const body = await readFile(join(gallery, file));
    response.writeHead(200, { "content-type": types[extname(file)], "content-security-policy": policy });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const base = `http://127.0.0.1:${server.address().port}`;

const files = (await readdir(gallery)).filter((file) => file.endsWith(".html") && file !== "index.html");
const names = files.map((file) => file.slice(0, -5)).filter((name) => !wanted.length || wanted.includes(name));
await mkdir(output, { recursive: true });
const problems = [];
const usual = await launch(100);
for (const colorScheme of ["light", "dark"]) {
  for (const width of [390, 1200, 1440]) await lookAtAll(usual, { colorScheme }, width, colorScheme, judge);
  await lookAtAll(usual, { colorScheme, forcedColors: "active" }, 1440, `${colorScheme} forced`, judge);
}
await usual.close();
for (const percent of [175, 200]) {
  const large = await launch(percent);
  for (const width of [390, 1440]) await lookAtAll(large, {}, width, `light ${percent}`);
  await large.close();
}
server.closeAllConnections();
server.close();
console.log(`${names.length} pages, ${problems.length} problems`);
problems.forEach((problem) => console.log(problem));
process.exitCode = problems.length || !names.length ? 1 : 0;

// With the reader's own font, which is 16 px by default.
function launch(percent) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
      `--blink-settings=defaultFontSize=${16 * percent / 100},defaultFixedFontSize=${13 * percent / 100}`],
  });
}

// `judge` is asked about each page, if it is given.
async function lookAtAll(browser, options, width, label, judge = () => {}) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, reducedMotion: "reduce", ...options });
  for (const name of names) await look(context, name, `${name} ${width} ${label}`, judge);
  await context.close();
}

async function look(context, name, label, judge) {
  const page = await context.newPage();
  page.on("console", (message) => message.type() === "error" && problems.push(`${label}: ${message.text()}`));
  page.on("pageerror", (error) => problems.push(`${label}: ${error.message}`));
  page.on("dialog", (dialog) => { problems.push(`${label}: a script of the sample data ran`); dialog.dismiss(); });
  await page.goto(`${base}/${name}.html`);
  const tooWide = await page.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll(".card")].filter((part) => part.scrollWidth > part.clientWidth).length);
  if (tooWide) problems.push(`${label}: ${tooWide} parts don't fit`);
  await page.screenshot({ path: join(output, `${label.replaceAll(" ", "-")}.png`), fullPage: true });
  await judge(page, label);
  await page.close();
}

async function judge(page, label) {
  // Playwright's evaluate is not bound by the page's policy, as an added script would be.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  for (const { id, impact, nodes } of violations) {
    for (const node of nodes) problems.push(`${label}: ${impact} ${id}: ${node.target} ${node.any[0]?.message ?? ""}`);
  }
}
