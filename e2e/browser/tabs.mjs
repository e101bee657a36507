// Thirty tabs of one browser, more than it has connections: each opens, changes by itself, and the next
// page comes as fast as ever.
//
//   node tabs.mjs chromium|firefox|webkit…
import assert from "node:assert/strict";
import { command, start } from "./lablink.mjs";
import { open, until } from "./webdriver.mjs";

const TABS = 30;
const organisersAre = (nr) => nr % 3 === 2;
async function tabs(name) {
  const lablink = await start();
  const browser = await open(name);
  try {
    await lablink.waitForFree(2);
    for (const who of ["ada", "bob"]) await lablink.call("/api/request_vm", { method: "POST", body: { email: `${who}@example.org`, crd_command: command("4/0Tabs") } });
    await browser.goto(lablink.base);
    await browser.type("E-mail", "cy@example.org");
    await browser.press("Take a place in line");
    await browser.heading("You are next in line");
    const place = await browser.url();
    const handles = [await browser.here()];
    let slowest = 0;
    while (handles.length < TABS) {
      const organisers = organisersAre(handles.length);
      handles.push(await browser.tab(organisers ? "window" : "tab"));
      const begun = Date.now();
      await browser.goto(organisers ? lablink.organisers : place);
      await browser.wait("//h1");
      slowest = Math.max(slowest, Date.now() - begun);
    }
    console.log(`${name}: ${TABS} tabs are open; the slowest came in ${slowest} ms`);
    const { vms } = await lablink.call("/api/vms");
    await lablink.call(`/api/vms/${vms[0].hostname}/release`, { method: "POST", body: { then: "reuse" } });
    const begun = Date.now();
    for (const [nr, handle] of handles.entries()) {
      await browser.to(handle);
      if (organisersAre(nr)) await browser.wait("//section[@id='line'][contains(., 'is kept for them')]");
      else await browser.heading("A machine is ready for you");
    }
    console.log(`${name}: all ${TABS} had changed when they were looked at, in ${Date.now() - begun} ms`);
    await browser.tab();
    await browser.goto(lablink.base);
    await browser.heading("Get your GPU machine");
    return true;
  } catch (error) {
    console.log(`FAILED ${name}: ${error.stack}`);
    return false;
  } finally {
    await browser.close();
    await lablink.stop();
  }
}
for (const name of process.argv.slice(2)) if (!(await tabs(name))) process.exitCode = 1;
process.exit();
