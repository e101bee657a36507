// Asks for a page again when the server says that something changed, and puts only the differences
// in place, so that focus, scroll, open details and typed text stay.
const live = document.getElementById("live");
const free = document.querySelector("[data-poll]");
const note = (text) => { document.getElementById("offline").textContent = text; };
function localTimes(root) {
  const full = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "short" });
  const clock = new Intl.DateTimeFormat([], { timeStyle: "medium", hourCycle: "h23" });
  for (const time of root.querySelectorAll("time")) {
    const text = ("clock" in time.dataset ? clock : full).format(new Date(time.dateTime));
    time["ago" in time.dataset ? "title" : "textContent"] = text;
  }
}
// Children pair up by place, those with an id by id. A form that holds edited input is left alone.
function morph(old, fresh) {
  if (old.isEqualNode(fresh) || old.matches?.("form[data-edited]")) return;
  if (old.nodeType !== 1 || old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  for (const { name } of [...old.attributes]) if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (name !== "open") old.setAttribute(name, value);
  const nodes = [...fresh.childNodes];
  nodes.forEach((node, i) => {
    const twin = node.id && [...old.children].find((child) => child.id === node.id);
    while (twin && old.childNodes[i] !== twin) old.childNodes[i].remove();
    const at = old.childNodes[i];
    if (at && (twin || (!node.id && !at.id))) morph(at, node);
    else old.insertBefore(node, at ?? null);
  });
  while (old.childNodes.length > nodes.length) old.lastChild.remove();
}
async function update(part) {
  const answer = await fetch(part.dataset.page ?? location.href, { headers: { accept: "text/html" } });
  if (answer.status === 404) return location.replace(part.dataset.page ?? location.href); // it says what to do
  if (!answer.ok) throw new Error(answer.statusText);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if ("untilOver" in part.dataset && page.getElementById(part.id).dataset.live) return;
  localTimes(page);
  morph(part, page.getElementById(part.id));
  document.title = page.title;
}
let events, wanted, busy;
async function refresh() {
  wanted = true; // while busy: once more
  for (; wanted && !busy; busy = await new Promise((done) => setTimeout(done, 300))) {
    [wanted, busy] = [false, true];
    await update(live).then(() => note(""), () => note("Reconnecting…"));
  }
}
// Who stands in line is elsewhere meanwhile: that page goes on in the background.
const looks = () => live.dataset.live && (!document.hidden || "background" in live.dataset);
function listen() {
  if (!looks()) return events?.close();
  if (events?.readyState < EventSource.CLOSED) return;
  events = new EventSource(live.dataset.live);
  events.onopen = events.onmessage = refresh;
  events.onerror = () => live.dataset.live && note("Reconnecting…");
}
document.oninput = ({ target }) => target.form?.setAttribute("data-edited", "");
document.onvisibilitychange = listen;
setInterval(listen, 3000); // a stream that the server refused does not come back by itself
setInterval(() => looks() && refresh(), 15000); // ages grow, events get lost
if (free) setInterval(() => document.hidden || fetch(free.dataset.poll).then((answer) => answer.json())
  .then(({ count }) => String(count) !== free.dataset.count && update(free)).catch(() => {}), 5000);
localTimes(document), listen();
