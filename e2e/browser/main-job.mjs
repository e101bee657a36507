// The main job, as a participant and as an organiser, in the browsers that people have: launch, claim,
// wait in line, be offered a machine, lose it, destroy. Every page changes by itself on the way; what
// is announced to people who can't see it is listed.
//
//   node main-job.mjs chromium|firefox|webkit…
import assert from "node:assert/strict";
import { command, start } from "./lablink.mjs";
import { open, until, walk } from "./webdriver.mjs";

// Screen readers say what comes into a live region that is there, the title of a new page, and what
// has the focus.
const LISTEN = `
  if (window.heard) return;
  window.heard = [];
  const region = document.querySelector("[role=status]");
  new MutationObserver(() => region.isConnected && region.textContent && window.heard.push(region.textContent))
    .observe(region, { childList: true, characterData: true, subtree: true });`;
const FOCUS = `const at = document.activeElement;
  return at === document.body ? "the page" : (at.labels?.[0]?.textContent ?? at.textContent).trim().slice(0, 60);`;

async function mainJob(name) {
  console.log(`# ${name}`);
  const lablink = await start();
  const [participant, organiser] = [await open(name), await open(name)];
  const log = [];
  const arrive = async (what) => {
    await participant.run(LISTEN);
    log.push(`${what}: new page "${await participant.title()}", focus on ${await participant.run(FOCUS)}`);
  };
  const hears = async (what, pattern) => {
    const heard = await until(`heard: ${pattern}`, async () => {
      const all = await participant.run("return window.heard ?? [];");
      return all.some((text) => pattern.test(text)) && all;
    });
    assert.equal(heard.filter((text) => pattern.test(text)).length, 1, `once: ${heard}`);
    log.push(`${what}: said ${heard.map((text) => `"${text}"`).join(", ")}; focus on ${await participant.run(FOCUS)}`);
    await participant.run("window.heard.length = 0;");
  };
  const asks = async (email, code, button) => {
    await participant.goto(lablink.base);
    await participant.type("E-mail", email);
    if (code) await participant.type("Command from Chrome Remote Desktop", command(code));
    await participant.press(button);
  };
  let place, host;
  const steps = {
    async "an organiser's page that was opened with name and password in the address changes by itself"() {
      await organiser.goto(lablink.organisers);
      await organiser.run("window.mark = true;");
      await organiser.wait("//li[contains(., 'Free')]//b[.='2']");
      assert.ok(await organiser.run("return window.mark;"), "it was loaded again");
    },
    async "a participant gets a machine, and is told when it is ready"() {
      await asks("ada@example.org", "4/0First", "Get my machine");
      await participant.arrives(/\/claims\//);
      await participant.heading("Your machine is ready");
      assert.match((await participant.text("//dd[@class='pin']")).replace(/\s/g, ""), /^\d{6}$/);
    },
    async "Back after the claim shows that there is a machine, and leads to it"() {
      await participant.back();
      await participant.wait("//*[@id='own'][contains(., 'You have a machine')]");
      await participant.follow("Open its page");
      await participant.heading("Your machine is ready");
    },
    async "a second one takes the last machine, a third a place in line"() {
      await asks("bob@example.org", "4/0Second", "Get my machine");
      await participant.arrives(/\/claims\//);
      await asks("cy@example.org", undefined, "Take a place in line");
      await participant.arrives(/\/line\//);
      place = await participant.url();
      await participant.heading("You are next in line");
      await arrive("line");
    },
    async "an organiser takes a machine back, and the place becomes an offer that is announced"() {
      host = (await lablink.call("/api/vms")).vms.find(({ claim }) => claim)?.hostname ?? "lablink-vm-dev-1";
      const organisersPage = new URL(`/admin/vms/${host}/release`, lablink.organisers).href;
      await organiser.goto(organisersPage);
      await organiser.click("//input[@value='reuse']");
      await organiser.press("Take it back");
      await participant.run("document.querySelector('#leave button').focus();");
      await participant.heading("A machine is ready for you");
      assert.equal(await participant.run(FOCUS), "I don’t need it any more", "the same form's button keeps the focus");
      await hears("offer", /A machine is ready for you/);
      assert.match(await participant.title(), /^A machine is ready for you/);
    },
    async "a wrong command puts the focus on its field, and says Error in the title"() {
      await participant.type("Command from Chrome Remote Desktop", "start-host --name=x");
      await participant.press("Get my machine");
      await participant.wait("//*[@id='problem']");
      assert.match(await participant.title(), /^Error: /);
      await until("the field has the focus", () => participant.run("return document.activeElement.id === 'command';"));
      await arrive("wrong command");
    },
    async "the right one makes the offer a claim"() {
      await participant.type("Command from Chrome Remote Desktop", command("4/0Third"));
      await participant.press("Get my machine");
      await participant.arrives(/\/claims\//);
      await arrive("claim");
      await participant.heading("Your machine is ready");
      await participant.run("document.querySelector('#ticket a').focus();");
    },
    async "the organiser destroys it, and the participant's page says that it is gone, once"() {
      await organiser.goto(new URL("/admin/instances/delete", lablink.organisers).href);
      for (const box of await organiser.run("return [...document.querySelectorAll('input[name=collect]:checked')].map((box, i) => i + 1);")) await organiser.click(`(//input[@name='collect'])[${box}]`);
      await organiser.click("//input[@name='confirm']");
      await organiser.press("Destroy the ticked VMs");
      await organiser.arrives(/\/admin\/operations\/\d+$/);
      await organiser.wait("//h1//*[contains(., 'Succeeded')]");
      await participant.heading("This machine is gone");
      assert.equal(await participant.run("return document.activeElement.id;"), "live", "what had the focus is gone: it goes to the page");
      await hears("gone", /This machine is gone/);
    },
    async "the organiser launches another, and watches it arrive"() {
      await organiser.goto(new URL("/admin/create", lablink.organisers).href);
      await organiser.type("How many VMs?", "1");
      await organiser.press("Launch");
      await organiser.wait("//h1//*[contains(., 'Succeeded')]");
      await organiser.follow("Pool");
      await organiser.wait("//li[contains(., 'Free')]//b[.='1']");
    },
  };
  const well = await walk(steps);
  console.log(["", "What is announced:", ...log].join("\n  "));
  await Promise.all([participant.close(), organiser.close(), lablink.stop()]);
  return well;
}

for (const name of process.argv.slice(2)) if (!(await mainJob(name))) process.exitCode = 1;
