// Clicks twice on the buttons of forms, as people do, on a running LabLink with
// LABLINK_AGENT_AUTH=open and `provider: local`: each begins one thing. Then sends the same again by a
// reload, goes back to what was sent, and presses Enter in the address of a post.
//
//   node forms.mjs URL PASSWORD_FILE     or, with all that it needs: make test-browser
//
// playwright-core is found through NODE_PATH; CHROMIUM names the browser.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";

const { chromium } = createRequire(import.meta.url)("playwright-core");
const [base, passwordFile] = process.argv.slice(2);
const httpCredentials = { username: process.env.ADMIN_USER ?? "admin", password: (await readFile(passwordFile, "utf8")).trim() };
const authorization = `Basic ${Buffer.from(`${httpCredentials.username}:${httpCredentials.password}`).toString("base64")}`;
const patience = 15000;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
const command = (code) => `start-host --code="${code}"`;

async function visitor(options) {
  const page = await (await browser.newContext(options)).newPage();
  page.setDefaultTimeout(patience);
  return page;
}
async function json(path, options) {
  const answer = await fetch(base + path, options);
  const text = await answer.text();
  assert.ok(answer.ok, `${path}: ${text}`);
  return text && JSON.parse(text);
}
const api = (path) => json(path, { headers: { authorization } });
const agent = (path, body) => json(path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });
const isMachine = (hostname, status = "running") => agent("/api/vm-status", { hostname, status });
// All of a kind that ever happened.
async function happened(kind) {
  let [count, before] = [0, ""];
  do {
    const { events, next } = await api(`/api/events${before}`);
    count += events.filter((event) => event.kind === kind).length;
    before = next && `?before=${next}`;
  } while (before);
  return count;
}
const usedMachines = async () => (await api("/api/vms")).vms.filter((vm) => vm.used_since).length;
const operations = async (kind) => (await api(`/api/operations?kind=${kind}`)).operations.length;

// Clicks, and clicks again when the server has done what was asked and its answer has not come: both
// clicks reach it, which of those of a double click is left to chance. `count` counts what the button begins.
async function begins(page, button, count, once = 1) {
  const [before, from] = [await count(), page.url()];
  let done;
  const first = new Promise((resolve) => { done = resolve; });
  const loseAnswer = async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    const { status } = await route.fetch({ maxRedirects: 0 }).then((answer) => ({ status: answer.status() }));
    await route.abort("aborted"); // as if it was never there: the page stays
    return done(status);
  };
  await page.route("**", loseAnswer);
  await button.click({ noWaitAfter: true });
  assert.ok([200, 201, 303].includes(await first), `the first of two clicks at ${from}: ${await first}`);
  assert.equal(await count() - before, once, `begun by the first of two clicks at ${from}`);
  await page.unroute("**", loseAnswer);
  const second = page.waitForEvent("load");
  // A live page may have moved on meanwhile, without the button.
  const clicked = await button.click({ noWaitAfter: true, timeout: 3000 }).then(() => true, () => false);
  if (clicked) await second;
  else second.catch(() => {}), console.log(`  no button any more at ${from}`), await page.goto(from);
  assert.equal(await count() - before, once, `begun by both clicks at ${from}`);
}
const open = (page, path) => page.goto(new URL(path, base).href);
const button = (page, name) => page.getByRole("button", { name, exact: true });

async function fillClaim(page, email, code) {
  await open(page, "/");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Command from Chrome Remote Desktop").fill(command(code));
}

const tests = {
  async "a participant: claim, command, giving back"() {
    await isMachine("desk-1");
    await isMachine("desk-2");
    await fillClaim(ada, "ada@example.org", "4/0First");
    await begins(ada, button(ada, "Get my machine"), () => happened("claim.created"));
    await ada.waitForURL(/\/claims\//);
    claim = ada.url();
    hostname = await ada.locator("dd.host").textContent();
    const { claim_id } = await agent("/vm_startup", { hostname });
    await agent("/api/agent/claim-result", { hostname, claim_id, outcome: "failed", detail: "The code has expired." });
    await open(ada, claim);
    await ada.getByLabel("Command from Chrome Remote Desktop").fill(command("4/0Second"));
    await begins(ada, button(ada, "Send the new command"), () => happened("claim.command_replaced"));
  },
  async "back after a claim says that there is one"() {
    await fillClaim(ada, "ada@example.org", "4/0Second");
    await button(ada, "Get my machine").click();
    await ada.waitForURL(/\/claims\//);
    await ada.goBack();
    await ada.getByText("You have a machine").waitFor();
  },
  async "an organiser: a new link, which a reload shows again"() {
    await open(organiser, "/admin/participants");
    await begins(organiser, button(organiser, "New link").first(), () => happened("claim.link_issued"));
    const link = await organiser.getByLabel("The link").inputValue();
    const issued = await happened("claim.link_issued");
    await organiser.reload();
    assert.equal(await organiser.getByLabel("The link").inputValue(), link);
    assert.equal(await happened("claim.link_issued"), issued);
  },
  async "a machine: registered, given another command, taken out"() {
    await open(organiser, "/admin/machines");
    await begins(organiser, button(organiser, "Register"), () => happened("vm.registered"));
    const install = await organiser.getByLabel("The command").inputValue();
    const registered = await happened("vm.registered");
    await organiser.reload();
    assert.equal(await organiser.getByLabel("The command").inputValue(), install, "it is not void");
    assert.equal(await happened("vm.registered"), registered);
    await organiser.getByRole("link", { name: "To the machine’s page" }).click();
    await button(organiser, "New install command").first().dblclick({ delay: 0 });
    const renewed = await organiser.getByLabel("The command").inputValue();
    assert.notEqual(renewed, install);
    await organiser.reload();
    assert.equal(await organiser.getByLabel("The command").inputValue(), renewed);
    await organiser.getByRole("link", { name: "To the machine’s page" }).click();
    await organiser.getByRole("link", { name: "Remove from the pool…" }).click();
    await begins(organiser, button(organiser, "Remove it from the pool"), () => happened("vm.removed"));
  },
  async "release, and the place in line that it serves"() {
    await isMachine("desk-1", "error");
    await isMachine("desk-2", "error");
    await isMachine(hostname);
    await open(bob, "/");
    await bob.getByLabel("E-mail").fill("bob@example.org");
    await begins(bob, button(bob, "Take a place in line"), () => happened("place.joined"));
    await bob.waitForURL(/\/line\//);
    await open(cy, "/");
    await cy.getByLabel("E-mail").fill("cy@example.org");
    await button(cy, "Take a place in line").click();
    await begins(cy, button(cy, "Leave the line"), () => happened("place.left"));
    await open(organiser, `/admin/vms/${hostname}/release`);
    await organiser.getByLabel("The machine goes back to the pool as it is").check();
    await begins(organiser, button(organiser, "Take it back"), () => happened("claim.released"));
    await bob.getByRole("heading", { name: "A machine is ready for you" }).waitFor();
    await bob.getByLabel("Command from Chrome Remote Desktop").fill(command("4/0Bob"));
    await begins(bob, button(bob, "Get my machine"), () => happened("claim.created"));
    await bob.waitForURL(/\/claims\//);
    await open(bob, `${new URL(bob.url()).pathname}/return`);
    await begins(bob, button(bob, "Give it back"), () => happened("claim.released"));
    await open(organiser, `/admin/vms/${hostname}`);
    await begins(organiser, button(organiser, "Hand it out again as it is"), usedMachines, -1);
  },
  async "operations: collect, launch, cancel, retry, replace, destroy"() {
    await open(organiser, "/admin/results");
    await begins(organiser, organiser.getByRole("button", { name: /^Collect from/ }), () => operations("collect"));
    await open(organiser, "/admin/create");
    await begins(organiser, button(organiser, "Launch"), () => operations("launch"));
    await organiser.waitForURL(/\/admin\/operations\/\d+$/);
    const first = organiser.url();
    await open(organiser, "/admin/create");
    await button(organiser, "Launch").click();
    await organiser.waitForURL((url) => /\/admin\/operations\/\d+$/.test(url.pathname) && url.href !== first);
    await begins(organiser, button(organiser, "Cancel"), () => happened("operation.cancel_requested"));
    await organiser.goto(first);
    await organiser.locator("h1 .pill", { hasText: "Succeeded" }).waitFor();
    const made = (await api("/api/vms")).vms.find((vm) => vm.hostname.startsWith("lablink-vm-")).hostname;
    await open(organiser, `/admin/vms/${made}/reboot`);
    await begins(organiser, organiser.locator("form button"), () => happened("vm.rebooted"));
    await open(organiser, `/admin/vms/${made}/replace`);
    await begins(organiser, organiser.locator("form button"), () => operations("replace"));
    await open(organiser, "/admin/instances/delete");
    await organiser.getByLabel("Collect the results first").uncheck();
    await organiser.getByLabel("I have what I need").check();
    await begins(organiser, button(organiser, "Destroy the ticked VMs"), () => operations("destroy"));
    await organiser.locator("h1 .pill", { hasText: /Succeeded|Failed/ }).waitFor();
  },
  async "without JavaScript a double click begins one thing as well"() {
    const plain = await visitor({ httpCredentials, javaScriptEnabled: false });
    await open(plain, "/admin/machines");
    await begins(plain, button(plain, "Register"), () => happened("vm.registered"));
  },
  async "Enter in the address of a refused form leads to the form"() {
    await open(organiser, "/admin/create");
    await organiser.locator("form").evaluate((form) => { form.noValidate = true; });
    await organiser.getByLabel("How many VMs?").fill("0");
    await button(organiser, "Launch").click();
    await organiser.getByText("Nothing was launched").waitFor();
    assert.match(organiser.url(), /\/api\/launch$/);
    await organiser.goto(organiser.url());
    assert.match(organiser.url(), /\/admin\/create$/);
    for (const [path, page] of [["/api/request_vm", "/"], ["/line", "/"]]) {
      await open(ada, path);
      assert.equal(new URL(ada.url()).pathname, page);
    }
  },
};
let [claim, hostname] = ["", ""];
const [ada, bob, cy] = [await visitor({}), await visitor({}), await visitor({})];
const organiser = await visitor({ httpCredentials });
let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}: ${error.stack}`);
  }
}
await browser.close();
console.log(`${failed} failed`);
process.exitCode = failed ? 1 : 0;
