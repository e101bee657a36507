// Lets a VM's log grow as lines come, keeps the place of whoever scrolls up, and goes from error to
// error. The server sends lines as the page shows them.
const log = document.getElementById("log"), list = document.getElementById("lines");
const follow = document.getElementById("follow"), errors = document.getElementById("errors");
const KEPT = 100000; // lines of a page that nobody reads: older ones are a click away
const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 40;
const toEnd = () => { log.scrollTop = log.scrollHeight; };
const clocks = new Intl.DateTimeFormat([], { timeStyle: "medium", hourCycle: "h23" });
function parsed(html) {
  const box = document.createElement("template");
  box.innerHTML = html;
  for (const time of box.content.querySelectorAll("time")) time.textContent = clocks.format(new Date(time.dateTime));
  return box.content;
}
function add(html) {
  log.hidden = false;
  document.getElementById("waits")?.remove();
  list.append(parsed(html));
  errors.hidden = !list.querySelector(".error");
  if (!follow.checked) return;
  for (let extra = list.children.length - KEPT; extra > 0; extra -= 1) list.firstElementChild.remove();
  toEnd();
}
log.classList.add("scrolls");
toEnd();
if (log.dataset.stream) {
  document.getElementById("follow-switch").hidden = false;
  follow.onchange = () => follow.checked && toEnd();
  // Only a person's own scrolling: lines that come move the end as well.
  for (const moved of ["wheel", "touchmove", "keydown", "pointerup"])
    log.addEventListener(moved, () => setTimeout(() => { follow.checked = atEnd(); }, 150), { passive: true });
  let last = Number(new URL(log.dataset.stream, location).searchParams.get("after"));
  let events;
  // After a gap it goes on from the last line, wherever the stream broke.
  const listen = () => {
    if (document.hidden) return events?.close();
    if (events && events.readyState < EventSource.CLOSED) return;
    events = new EventSource(`${log.dataset.stream.split("?")[0]}?after=${last}`);
    events.onmessage = ({ data, lastEventId }) => { last = Number(lastEventId); add(data); };
    events.onopen = () => { document.getElementById("offline").textContent = ""; };
    events.onerror = () => { document.getElementById("offline").textContent = "Reconnecting…"; };
  };
  addEventListener("visibilitychange", listen);
  setInterval(listen, 3000); // a stream that the server refused does not come back by itself
  listen();
}
document.getElementById("earlier")?.addEventListener("click", async (event) => {
  event.preventDefault();
  const link = event.currentTarget ?? event.target;
  const answer = await fetch(link.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return location.assign(link.href);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fromEnd = log.scrollHeight - log.scrollTop;
  list.prepend(parsed(page.getElementById("lines").innerHTML));
  log.scrollTop = log.scrollHeight - fromEnd;
  follow.checked = false;
  const further = page.getElementById("earlier");
  further ? link.setAttribute("href", further.getAttribute("href")) : link.parentElement.remove();
});
// From the last error upwards, then again from the last.
errors.onclick = (event) => {
  event.preventDefault();
  const all = [...list.querySelectorAll(".error")];
  const at = all.findIndex((line) => line.id === location.hash.slice(1));
  const next = all.at(at > 0 ? at - 1 : -1);
  if (!next) return;
  follow.checked = false;
  location.replace(`#${next.id}`);
  next.scrollIntoView({ block: "center" });
};
