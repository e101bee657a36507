// What a page says while the network is away, second by second, and how soon it is right again: for
// somebody who waits in line, and is offered a machine meanwhile.
//
//   node outages.mjs SECONDS chromium|firefox|webkit…
//
// Fails if a page says nothing, if the place is lost though the outage was short enough, or if the
// page is not right 5 seconds after the network is back. Needs root: see network.mjs.
import assert from "node:assert/strict";
import { command, start } from "./lablink.mjs";
import { build, driverAt, outages, server, tearDown, within } from "./network.mjs";
import { open, pause, until } from "./webdriver.mjs";

const RIGHT_AGAIN = 5; // seconds
const [seconds, ...names] = process.argv.slice(2);
const SEEN = `return document.querySelector("h1").textContent + " | " + document.getElementById("notice").textContent;`;

async function try_(name, outage, { begin, end }, lablink) {
  console.log(`\n# ${name}: ${outage}, for ${seconds} s`);
  const browser = await open(name, { within, driverAt });
  try {
    await lablink.waitForFree(1);
    while ((await lablink.call("/api/unassigned_vms_count")).count) {
      await lablink.call("/api/request_vm", { method: "POST", body: { email: `holder${Date.now()}@example.org`, crd_command: command("4/0Holder") } });
    }
    await browser.goto(lablink.base);
    await browser.type("E-mail", `waits${Date.now()}@example.org`);
    await browser.press("Take a place in line");
    await browser.heading("You are next in line");
    await pause(12000); // streams and idle connections as they are after a while
    const begun = Date.now();
    const said = [];
    const watch = async () => {
      const seen = await browser.run(SEEN);
      if (seen !== said.at(-1)) console.log(`${String(Math.round((Date.now() - begun) / 1000)).padStart(5)} s  ${seen}`);
      if (seen !== said.at(-1)) said.push(seen);
      return seen;
    };
    begin();
    console.log("    0 s  --- the network goes");
    await watch();
    const { vms } = await lablink.call("/api/vms");
    await lablink.call(`/api/vms/${vms[0].hostname}/release`, { method: "POST", body: { then: "reuse" } });
    while (Date.now() - begun < seconds * 1000) {
      await watch();
      await pause(500);
    }
    end();
    const back = Date.now();
    console.log(`${String(Math.round((back - begun) / 1000)).padStart(5)} s  --- the network is back`);
    await until("the page is right", async () => /^A machine is ready for you \| $/.test(await watch()), 120000);
    const after = (Date.now() - back) / 1000;
    console.log(`right again ${after.toFixed(1)} s after the network`);
    assert.ok(said.some((text) => text.includes("can’t be reached")) || seconds < 10, "it said nothing");
    assert.ok(after <= RIGHT_AGAIN, `more than ${RIGHT_AGAIN} s`);
    await browser.press("I don’t need it any more");
    await browser.heading("You left the line");
    return true;
  } catch (error) {
    console.log(`FAILED ${error.stack}`);
    return false;
  } finally {
    await browser.close();
  }
}

let lablink;
try {
  build();
  lablink = await start({ host: server });
  await lablink.waitForFree(2);
  for (const name of names) {
    for (const [outage, ways] of Object.entries(outages)) if (!(await try_(name, outage, ways, lablink))) process.exitCode = 1;
  }
} finally {
  await lablink?.stop();
  tearDown();
}
process.exit();
