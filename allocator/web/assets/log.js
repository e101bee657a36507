// Lets a VM's log grow as lines come, keeps the place of whoever scrolls up, and goes from error to
// error. The server sends lines as the page shows them.
{
const log = document.getElementById("log"), lists = document.getElementById("lines");
const follow = document.getElementById("follow"), errors = document.getElementById("errors");
const KEPT = 100000; // lines that a page keeps while it follows; older ones are a click away
const PER_LIST = 500;
let count = lists.firstElementChild.children.length, come = "", waiting;
const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 40;
const toEnd = () => { log.scrollTop = log.scrollHeight; };
const clocks = new Intl.DateTimeFormat([], { timeStyle: "medium", hourCycle: "h23" });
function parsed(html) {
  const box = document.createElement("template");
  box.innerHTML = html;
  for (const time of box.content.querySelectorAll("time")) time.textContent = clocks.format(new Date(time.dateTime));
  return box.content;
}
function listOf(lines) {
  const list = document.createElement("ol");
  // How high it is before it has been seen, nearly.
  list.style.containIntrinsicBlockSize = `auto ${lines.childElementCount * 1.385}rem`;
  list.append(lines);
  return list;
}
// Many events at once are one change of the page.
function add(html) {
  come += html;
  waiting ??= setTimeout(show, 100);
}
function show() {
  const lines = parsed(come);
  [come, waiting] = ["", undefined];
  log.hidden = false;
  document.getElementById("waits")?.remove();
  errors.hidden &&= !lines.querySelector(".error");
  count += lines.childElementCount;
  if (lists.lastElementChild.childElementCount + lines.childElementCount <= PER_LIST) lists.lastElementChild.append(lines);
  else lists.append(listOf(lines));
  if (!follow.checked) return;
  while (count - lists.firstElementChild.childElementCount >= KEPT) {
    count -= lists.firstElementChild.childElementCount;
    lists.firstElementChild.remove();
  }
  toEnd();
}
log.classList.add("scrolls");
toEnd();
if (log.dataset.lines) {
  document.getElementById("follow-switch").hidden = false;
  follow.onchange = () => follow.checked && toEnd();
  // Only a person's own scrolling: lines that come move the end as well.
  for (const moved of ["wheel", "touchmove", "keydown", "pointerup"])
    log.addEventListener(moved, () => setTimeout(() => { follow.checked = atEnd(); }, 150), { passive: true });
  const { lines: path, last: newest } = log.dataset;
  let last = Number(newest);
  // Everything after the last line that the page has, however many answers that takes.
  lablink.bring = async () => {
    for (;;) {
      const html = await (await lablink.ask(`${path}?after=${last}`)).text();
      const ids = html.match(/^<li id="l\d+"/gm);
      if (!ids) return;
      last = Number(ids.at(-1).match(/\d+/));
      add(html);
    }
  };
}
document.getElementById("earlier")?.addEventListener("click", async (event) => {
  event.preventDefault();
  const link = event.currentTarget ?? event.target;
  const html = await lablink.ask(link.getAttribute("href")).then((answer) => answer.text()).catch(() => location.assign(link.href));
  if (!html) return;
  const page = new DOMParser().parseFromString(html, "text/html");
  const fromEnd = log.scrollHeight - log.scrollTop;
  const lines = parsed(page.querySelector("#lines ol").innerHTML);
  count += lines.childElementCount;
  lists.prepend(listOf(lines));
  log.scrollTop = log.scrollHeight - fromEnd;
  follow.checked = false;
  const further = page.getElementById("earlier");
  further ? link.setAttribute("href", further.getAttribute("href")) : link.parentElement.remove();
});
// From the last error upwards, then again from the last.
errors.onclick = (event) => {
  event.preventDefault();
  const all = [...lists.querySelectorAll(".error")];
  const at = all.findIndex((line) => line.id === location.hash.slice(1));
  const next = all.at(at > 0 ? at - 1 : -1);
  if (!next) return;
  follow.checked = false;
  location.replace(`#${next.id}`);
  next.scrollIntoView({ block: "center" });
};
}
