// Three people wait for two machines that are taken: the first gets the one that is freed, the
// second, without JavaScript, the one that a participant gives back, the third leaves. Then what an
// organiser does for single people and machines: a new link, a delete, a machine registered by hand
// and enrolled for real. Checks pages as tour.mjs does.
//
//   node line.mjs URL PASSWORD_FILE OUTPUT_FOLDER
//
// The pool: two free VMs and nobody in line, as after `make run`.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  base, claim, command, httpCredentials, isMarked, isReady, look, mark, openPage, output, patience, succeeded, visitor, waitForFree, walk,
} from "./visit.mjs";

const heading = (page, name) => page.getByRole("heading", { name, level: 1 }).waitFor(patience);

async function joinLine(page, email) {
  await openPage(page, "/");
  await page.getByLabel("E-mail").fill(email);
  await page.getByRole("button", { name: "Take a place in line" }).click();
  await page.waitForURL(/\/line\//);
}

async function take(page, code) {
  await page.getByLabel("Command from Chrome Remote Desktop").fill(command(code));
  await page.getByRole("button", { name: "Get my machine" }).click();
  await page.waitForURL(/\/claims\//);
}

// Only keys, from the address bar on.
async function tabTo(page, name) {
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => document.activeElement.innerText || document.activeElement.labels?.[0]?.innerText || "");
    if (focused.trim() === name) return;
  }
  assert.fail(`no Tab leads to '${name}'`);
}

let held; // the machine of the first holder
const steps = {
  async "an empty pool says how many wait, and offers a place"() {
    await waitForFree(holder, 2);
    await claim(holder, "holder@example.org", "4/0First");
    held = await holder.locator("dd.host").textContent();
    await claim(other, "other@example.org", "4/0Second");
    await openPage(ada, "/");
    await look(ada, "20-no-machine-free");
    await joinLine(ada, "ada@example.org");
    await joinLine(plain, "bob@example.org");
  },
  async "somebody with only a keyboard joins the line"() {
    await openPage(cy, "/");
    await tabTo(cy, "E-mail");
    await cy.keyboard.type("cy@example.org");
    await tabTo(cy, "Take a place in line");
    await cy.keyboard.press("Enter");
    await cy.waitForURL(/\/line\//);
    await cy.getByText("3rd of 3").waitFor(patience);
    await look(cy, "21-in-line");
  },
  async "an organiser takes a machine back, and the first in line has it at once"() {
    await mark(ada);
    await openPage(organiser, "/admin");
    await look(organiser, "22-pool-with-line");
    await openPage(organiser, `/admin/vms/${held}`);
    await organiser.getByRole("link", { name: "Take back…" }).click();
    await organiser.getByText("holder@example.org").waitFor();
    await look(organiser, "23-confirm-release");
    await organiser.getByLabel("The machine goes back to the pool as it is").check();
    await organiser.getByRole("button", { name: "Take it back" }).click();
    await heading(ada, "A machine is ready for you");
    assert.ok(await isMarked(ada), "the page was loaded again instead of changing by itself");
    assert.match(await ada.title(), /ready for you/, "seen on a tab in the background");
    await heading(holder, "This machine was released");
    await cy.getByText("2nd of 2").waitFor(patience);
    await look(ada, "24-offered");
    const free = await ada.request.get(new URL("/api/unassigned_vms_count", base).href);
    assert.equal((await free.json()).count, 0);
  },
  async "a place survives a reload, and a wrong command is told with what is missing"() {
    await ada.reload();
    await ada.getByLabel("Command from Chrome Remote Desktop").fill("start-host --name=x");
    await ada.getByRole("button", { name: "Get my machine" }).click();
    await ada.getByText("it has no --code=… part").waitFor(patience);
    await take(ada, "4/0Ada");
    await isReady(ada);
    assert.equal(await ada.locator("dd.host").textContent(), held);
  },
  async "a machine given back is made anew, and goes to the next, without JavaScript"() {
    await ada.getByRole("link", { name: "Give the machine back…" }).click();
    await look(ada, "25-give-back");
    await ada.getByRole("button", { name: "Give it back" }).click();
    await heading(ada, "You gave this machine back");
    await heading(plain, "A machine is ready for you"); // it asks again by itself
    await take(plain, "4/0Bob");
    await isReady(plain);
    assert.equal(await plain.locator("dd.host").textContent(), held, "the fresh one has the name");
  },
  async "who leaves the line has no place any more"() {
    await heading(cy, "You are next in line");
    await cy.getByRole("button", { name: "Leave the line" }).click();
    await heading(cy, "You left the line");
    await look(cy, "26-left");
  },
  async "who lost the link gets a new one from the organiser"() {
    await openPage(ada, "/");
    await ada.getByLabel("E-mail").fill("other@example.org");
    await ada.getByLabel("Command from Chrome Remote Desktop").fill(command("4/0Forgot"));
    await ada.getByRole("button", { name: "Try to get a machine anyway" }).click();
    await ada.getByText("This e-mail already has a machine").waitFor(patience);
    await openPage(organiser, "/admin");
    await organiser.getByText("1 person wants to get back in").waitFor(patience);
    await openPage(organiser, "/admin/participants");
    await look(organiser, "27-participants");
    await organiser.emulateMedia({ media: "print", colorScheme: "light" });
    await organiser.screenshot({ path: join(output, "27-participants-printed.png"), fullPage: true });
    await organiser.emulateMedia({ media: "screen" });
    await organiser.locator("#reentries").getByRole("button", { name: "New link" }).click();
    const url = await organiser.getByLabel("The link").inputValue();
    await ada.goto(url);
    await isReady(ada);
  },
  async "an organiser deletes one machine, having read what is lost"() {
    const hostname = await ada.locator("dd.host").textContent();
    await openPage(organiser, "/admin/instances?q=other%40");
    await organiser.getByRole("link", { name: hostname }).click();
    await look(organiser, "28-vm");
    await organiser.getByRole("link", { name: "Delete…" }).click();
    await organiser.getByText("other@example.org").waitFor();
    await organiser.getByRole("button", { name: "Delete it" }).click();
    await succeeded(organiser);
    await heading(ada, "This machine is gone");
  },
  async "a machine registered by hand enrols by its command, and is left alone when removed"() {
    await openPage(organiser, "/admin/machines");
    await look(organiser, "29-register");
    await organiser.getByLabel("Name").fill("desk-7.lab.example.org");
    await organiser.getByRole("button", { name: "Register" }).click();
    const install = await organiser.getByLabel("The command").inputValue();
    await look(organiser, "30-install");
    const folder = await mkdtemp(join(tmpdir(), "lablink-desk-"));
    const environment = { ...process.env, LABLINK_INSTALL_DIR: folder, HOME: folder };
    let agent;
    try {
      const { stdout } = await promisify(execFile)("sh", ["-c", install.replace("sudo sh", "sh")], { env: environment, timeout: 60000 });
      assert.match(stdout, /desk-7\.lab\.example\.org is enrolled/);
      agent = Number(await readFile(join(folder, "state/pid"), "utf8"));
      await organiser.getByRole("link", { name: "To the machine’s page" }).click();
      await organiser.locator("h1 .pill", { hasText: "Free" }).waitFor(patience);
      await look(organiser, "31-machine");
      await organiser.getByRole("link", { name: "Remove from the pool…" }).click();
      await organiser.getByRole("button", { name: "Remove it from the pool" }).click();
      await organiser.waitForURL(/\/admin\/instances$/);
      assert.equal(await organiser.getByText("desk-7.lab.example.org").count(), 0);
      process.kill(agent, 0); // still runs
    } finally {
      if (agent) process.kill(agent);
      await rm(folder, { recursive: true, force: true });
    }
  },
};

const [holder, other, ada, cy] = [await visitor({}), await visitor({}), await visitor({}), await visitor({})];
const plain = await visitor({ javaScriptEnabled: false });
const organiser = await visitor({ httpCredentials });
await walk(steps);
