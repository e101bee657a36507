// Walks through the main job on a running LabLink, as people do: a participant claims, an organiser
// launches, watches and destroys; then the same without JavaScript. Takes screenshots, narrow and
// wide, light and dark, and fails on console errors, what the content security policy refuses,
// sideways scrolling and axe-core's serious findings. It destroys every VM: give it a pool of its own.
//
//   node tour.mjs URL PASSWORD_FILE OUTPUT_FOLDER
//
// PASSWORD_FILE: `admin-password` in the data directory. The pool must have, or soon get, a free
// VM. playwright-core and axe-core are found through NODE_PATH; CHROMIUM names the browser.
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  claim, command, httpCredentials, isMarked, isReady, look, mark, openPage, output, patience, succeeded, visitor, waitForFree, walk,
} from "./visit.mjs";

async function ticket(page) {
  const [hostname, pin] = [page.locator("dd.host"), page.locator("dd.pin")];
  assert.match(await hostname.textContent(), /^lablink-vm-dev-\d+$/);
  assert.match((await pin.textContent()).replaceAll(/\s/g, ""), /^\d{6}$/);
}

async function launch(page, count) {
  await openPage(page, "/admin/create");
  await page.getByLabel("How many VMs?").fill(String(count));
  await page.getByRole("button", { name: "Launch" }).click();
  await page.waitForURL(/\/admin\/operations\/\d+$/);
}

async function destroyAll(page) {
  await openPage(page, "/admin/instances/delete");
  await page.getByLabel("I have what I need").check();
  await page.getByRole("button", { name: "Destroy the ticked VMs" }).click();
  await page.waitForURL(/\/admin\/operations\/\d+$/);
}


const steps = {
  async "a participant claims and sees the machine become ready"() {
    await waitForFree(people, 1);
    await openPage(people, "/");
    await look(people, "01-request");
    await claim(people, "ada@example.org", "4/0TourOfTheRealPages");
    await mark(people);
    await ticket(people);
    await isReady(people);
    assert.ok(await isMarked(people), "the page was loaded again instead of changing by itself");
    await look(people, "02-claim-ready");
  },
  async "a code that has expired fails with the reason, and a new command helps"() {
    await people.getByText("Not in your list of machines").click();
    await people.getByLabel("Command from Chrome Remote Desktop").fill(command("expired-code"));
    await people.getByRole("button", { name: "Send the new command" }).click();
    await people.getByText("the code has expired").waitFor(patience);
    await look(people, "03-claim-failed");
    await people.getByLabel("Command from Chrome Remote Desktop").fill(command("4/0AnotherTry"));
    await people.getByRole("button", { name: "Send the new command" }).click();
    await isReady(people);
  },
  async "an organiser launches three and watches them arrive"() {
    await openPage(organiser, "/admin/create");
    await look(organiser, "04-launch");
    await launch(organiser, 3);
    await mark(organiser);
    await organiser.screenshot({ path: join(output, "05-operation-running-1440.png"), fullPage: true });
    await succeeded(organiser);
    assert.ok(await isMarked(organiser), "the page was loaded again instead of changing by itself");
    await look(organiser, "05-operation");
    await openPage(organiser, "/admin/instances");
    await organiser.waitForFunction(() => !document.body.textContent.includes("Starting"), null, patience);
    await mark(organiser);
    await claim(await visitor({}), "grace@example.org", "4/0SomebodyElse");
    await organiser.locator("tr", { hasText: "grace@example.org" }).getByText("Ready").waitFor(patience);
    assert.ok(await isMarked(organiser), "the list was loaded again instead of changing by itself");
    await look(organiser, "06-instances");
    const vm = await organiser.getByRole("link", { name: /^lablink-vm-/ }).first().getAttribute("href");
    const log = vm.replace("/vms/", "/logs/");
    for (const [path, name] of [["/admin", "07-pool"], ["/admin/operations", "08-operations"], [log, "13-log"], [vm, "14-vm"], ["/admin/participants", "15-participants"]]) {
      await openPage(organiser, path);
      await look(organiser, name);
    }
  },
  async "an organiser sees what a destroy takes, and destroys all"() {
    await openPage(organiser, "/admin/instances/delete");
    await look(organiser, "09-destroy-preview");
    await mark(people);
    await destroyAll(organiser);
    await succeeded(organiser);
    await look(organiser, "10-destroyed");
    await people.getByText("was switched off and removed").waitFor(patience);
    assert.ok(await isMarked(people), "the claim's page was loaded again instead of changing by itself");
    await look(people, "11-claim-ended");
    await openPage(organiser, "/admin/instances");
    await organiser.getByText("No VMs yet").waitFor(patience);
  },
  async "launch, claim and destroy work without JavaScript"() {
    const plain = await visitor({ javaScriptEnabled: false, httpCredentials });
    await launch(plain, 1);
    await succeeded(plain); // the page asks again by itself
    const asker = await visitor({ javaScriptEnabled: false });
    await waitForFree(asker, 1);
    await claim(asker, "ada@example.org", "4/0WithoutScript");
    await ticket(asker);
    await isReady(asker);
    await asker.screenshot({ path: join(output, "12-without-script.png"), fullPage: true });
    await destroyAll(plain);
    await succeeded(plain);
    await asker.reload();
    await asker.getByText("was switched off and removed").waitFor(patience);
  },
};

const people = await visitor({});
const organiser = await visitor({ httpCredentials });
await walk(steps);
