// A form that was sent keeps its key while its page lives on: the same form sent again, as by a double
// click or after a lost answer, is the same wish. live.js leaves forms with `data-edited` alone.
let sent = false;
addEventListener("submit", ({ target }) => {
  if (target.method !== "post") return;
  target.setAttribute("data-edited", "");
  sent = true;
});
// Back shows some browsers' own copy of the page, with a used form and the state of that time.
addEventListener("pageshow", ({ persisted }) => {
  if (persisted && (sent || !document.querySelector("form[data-edited]"))) location.reload();
});
