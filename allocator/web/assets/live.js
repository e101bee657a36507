// Keeps the page as things are: asks for it again when the server says that something changed, puts
// only the differences in place, says it if it can't, and tells those who listen what matters.
{
const live = document.getElementById("live");
const polled = document.querySelector("[data-poll]");
const notice = document.getElementById("notice");
const told = document.getElementById("told");
const worker = document.currentScript.dataset.worker;
const LIMITS = [4000, 8000]; // of a request, and of the next tries, in ms
const OFTEN = 5000, SELDOM = 15000; // between requests while nothing says what changes, and while something does
const LONGEST_PAUSE = 3000; // between tries without an answer
const SILENT = 5000; // a worker that has not answered for so long is not there

// A page may be open as http://user:password@host/…, which relative addresses would take over, and
// fetch refuses.
const here = (path) => new URL(path, location.origin).href;
const itself = () => here(live.dataset.page ?? location.pathname + location.search);
let running; // the last request's AbortController
async function ask(path, accept = "text/html") {
  const stop = running = new AbortController();
  setTimeout(() => stop.abort(), LIMITS[Math.min(tries, 1)]); // the answer's body included
  const answer = await fetch(here(path), { headers: { accept }, cache: "no-store", signal: stop.signal });
  if (answer.ok && !answer.redirected) return answer;
  if (answer.status === 401 || answer.status === 403) out = true;
  // Its page says what to do, or is another one by now.
  if (answer.redirected || answer.status === 404) leave(answer.redirected ? answer.url : itself());
  throw Object.assign(new Error(answer.status), { answered: true });
}
function leave(url) {
  leaving = true;
  location.replace(url);
}
const clock = (at) => new Intl.DateTimeFormat([], { timeStyle: "medium", hourCycle: "h23" }).format(at);
function localTimes(root) {
  const full = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "short" });
  for (const time of root.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    time["ago" in time.dataset ? "title" : "textContent"] = "clock" in time.dataset ? clock(at) : full.format(at);
  }
}

// --- What a screen reader says. The region stays in place: one that is replaced is not heard.
function say(text) {
  if (text && told.textContent !== text) told.textContent = text;
}

// --- Old and new

// A form that somebody has typed in is left alone, and a reader's open and closed details.
const callbacks = {
  beforeNodeMorphed: (old) => !old.matches?.("form[data-edited]"),
  beforeAttributeUpdated: (name, element) => !(name === "open" && element.matches("details")),
};
function merge(part, fresh) {
  const [before, focused] = [part.dataset.tell, document.activeElement];
  localTimes(fresh);
  Idiomorph.morph(part, fresh, { morphStyle: "outerHTML", callbacks });
  // It would be at the top of the document. Who is moved loses it in some browsers; who is gone, in all.
  if (focused !== document.body && document.activeElement === document.body) (focused.isConnected ? focused : live).focus({ preventScroll: true });
  if (part.dataset.tell !== before) say(part.dataset.tell);
}
async function update(part) {
  const answer = await ask(part.dataset.page ?? itself());
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById(part.id);
  // What was posted and refused stays to be corrected, for as long as all else is as it was.
  if ("corrects" in part.dataset && fresh.dataset.tell === part.dataset.tell) return;
  const followed = live.dataset.live;
  merge(part, fresh);
  document.title = page.title;
  if (live.dataset.live !== followed) greet();
}
async function count() {
  const answer = await ask(polled.dataset.poll, "application/json");
  if (String((await answer.json()).count) !== polled.dataset.count) await update(polled);
}
// `bring` brings this page up to date; a page of another kind puts its own there.
globalThis.lablink = { ask, bring: () => polled ? count() : update(live) };

// --- Whether what the page shows is so

let right = Date.now(); // when it was last known to be
let old; // since when it is not
let out = false; // whether nobody is signed in any more
let leaving = false; // for another page
function age(since) {
  old ??= since;
  show();
}
function renew() {
  right = Date.now();
  if (old) say("Connected again. This page is up to date.");
  old = undefined;
  show();
}
function show() {
  const text = !old ? "" : out ? `You are signed out. This page shows how things were at ${clock(old)}: load it again.`
    : `LabLink can’t be reached. This page shows how things were at ${clock(old)}, and keeps trying.${kept()}`;
  if (notice.textContent === text || leaving) return;
  notice.textContent = text;
  say(text);
}
// A place in line is kept for so long after its last look, a machine until then.
function kept() {
  const { keptSeconds, keptUntil } = live.dataset;
  if (keptUntil) return ` The machine is kept for you until ${clock(new Date(keptUntil))}.`;
  if (!keptSeconds) return "";
  const until = right + keptSeconds * 1000;
  return Date.now() < until ? ` Your place is kept until ${clock(until)}.` : ` Your place was kept until ${clock(until)}: it may be lost.`;
}

// --- When to ask

let state = "alone"; // what the worker says of its stream; alone: there is none
let wanted, busy, tries = 0, due = Date.now() + OFTEN;
async function refresh() {
  wanted = true; // while busy: once more
  if (busy) return;
  for (busy = true; wanted && !out;) {
    wanted = false;
    try {
      await lablink.bring();
      tries = 0;
      if (state === "lost") state = "alone"; // what the worker can't, this page can
      renew();
      plan();
    } catch (error) {
      age(right);
      tries += 1;
      greet(true);
      plan(Math.min(error.answered ? SELDOM : LONGEST_PAUSE, 500 * 2 ** tries));
    }
    // Timers of a page in the background may take a minute.
    if (!document.hidden) await new Promise((done) => setTimeout(done, 300));
  }
  busy = false;
}
// At once, even if a request hangs that began when things were worse.
function restart() {
  running?.abort();
  refresh();
}
function plan(pause = state === "listening" ? SELDOM : OFTEN) {
  due = Date.now() + pause * (0.75 + Math.random() / 2);
}
// Who stands in line or waits for a machine is elsewhere meanwhile: that page goes on in the background.
const looks = () => (live.dataset.live || polled) && (!document.hidden || "background" in live.dataset) && !out;
// While the worker tries to get through, pages leave the few connections to it.
function tick() {
  show();
  if (!looks()) return;
  if (!answered && Date.now() - asked > SILENT) state = "alone";
  if (Date.now() - asked > SELDOM) greet();
  if (state !== "lost" && Date.now() >= due) refresh();
}

// --- The worker

let port, asked = 0, answered = false;
function greet(again = false) {
  const page = looks() ? live.dataset.live : undefined;
  if (!page && !port) return;
  try {
    port ??= new SharedWorker(here(worker), "news").port;
  } catch {
    return; // there is none in this browser, or it may not: the page asks by itself
  }
  port.onmessage = hear;
  port.postMessage(page ? { stream: page.startsWith("/admin") ? "/admin/changes" : "/changes", page, again } : {});
  [asked, answered] = [Date.now(), false];
}
function hear({ data }) {
  answered = true;
  if (data.changed) return refresh();
  const before = state;
  state = data.state;
  if (state === "lost") age(data.since);
  else if (state === "listening" && before === "listening") right = Math.max(right, data.since);
  else if (state !== "opening" && state !== before) restart();
}

// --- Coming back: to the page, of the network, of the power

function back() {
  greet(true);
  if (looks()) restart();
}
for (const event of ["online", "focus"]) addEventListener(event, back);
for (const event of ["visibilitychange", "resume"]) document.addEventListener(event, back);
addEventListener("pageshow", ({ persisted }) => persisted ? back() : greet());
addEventListener("pagehide", () => port?.postMessage({}));
document.addEventListener("input", ({ target }) => target.form?.setAttribute("data-edited", ""));
localTimes(document);
if (live.dataset.live || polled) setInterval(tick, 1000);
}
