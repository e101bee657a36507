// Shows the desktop of one's machine by noVNC, over a WebSocket to the claim's own channel. Comes back
// by itself when the network or an allocator was away, and says what happens.
const $ = (id) => document.getElementById(id);
const [bar, screen, state, tools, retry] = ["bar", "screen", "state", "tools", "retry"].map($);
const { channel, claim } = bar.dataset;
const { default: RFB } = await import($("script").dataset.novnc);

const url = new URL(channel, location.href);
url.protocol = location.protocol === "https:" ? "wss:" : "ws:";

// Why a channel was closed, in the allocator's words, and what to do then.
const words = {
  no_answer: "The machine does not answer. Trying again",
  far_end_gone: "The connection was lost. Trying again",
  not_running: "The desktop is not there at the moment. Trying again",
  stopping: "The connection was lost. Trying again",
};
const LONGEST_PAUSE = 10_000;
let [rfb, pause, timer] = [undefined, 500, undefined];

function say(text) {
  if (state.textContent !== text) state.textContent = text;
}

function connect() {
  clearTimeout(timer);
  retry.hidden = true;
  say("Connecting…");
  const socket = new WebSocket(url);
  let reason = "";
  socket.addEventListener("close", (event) => { reason = event.reason; });
  const shown = new RFB(screen, socket, { shared: true });
  rfb = shown;
  shown.scaleViewport = true;
  shown.resizeSession = true;
  shown.background = "#24262b";
  shown.addEventListener("connect", () => {
    pause = 500;
    say("Connected");
    tools.hidden = false;
    if (document.activeElement === document.body) shown.focus({ preventScroll: true });
  });
  shown.addEventListener("clipboard", ({ detail }) => received(detail.text));
  // noVNC hears of the socket's close before it tells of it.
  shown.addEventListener("disconnect", () => queueMicrotask(() => lost(shown, reason)));
}

async function lost(shown, reason) {
  if (rfb !== shown) return;
  rfb = undefined;
  if (reason === "replaced") {
    say("This desktop was opened in many other tabs. It is closed here.");
    retry.hidden = false;
    tools.hidden = false;
    return;
  }
  if (reason === "claim_over" || (!reason && await isOver())) {
    location.replace(claim);
    return;
  }
  again(words[reason] ?? "The connection was lost. Trying again");
}

// Where a WebSocket is refused, a page is not told why.
async function isOver() {
  try {
    const answer = await fetch(location.href, { redirect: "manual", cache: "no-store" });
    return answer.type === "opaqueredirect" || answer.status === 404;
  } catch {
    return false;
  }
}

function again(what) {
  const at = Date.now() + pause;
  pause = Math.min(pause * 2, LONGEST_PAUSE);
  retry.hidden = false;
  tools.hidden = false;
  const tick = () => {
    const left = Math.ceil((at - Date.now()) / 1000);
    if (left <= 0) return connect();
    say(left > 1 ? `${what} in ${left} seconds.` : `${what}…`);
    timer = setTimeout(tick, Math.min(1000, at - Date.now()));
  };
  tick();
}

retry.addEventListener("click", () => { pause = 500; connect(); });
addEventListener("online", () => { if (!rfb) connect(); });

// Keys that browsers and systems keep for themselves.
const KEYSYMS = { Control_L: 0xffe3, Alt_L: 0xffe9, Super_L: 0xffeb, Delete: 0xffff, Tab: 0xff09, Escape: 0xff1b, F4: 0xffc1, t: 0x74 };
for (const button of document.querySelectorAll("[data-keys]")) {
  button.addEventListener("click", () => {
    const keys = button.dataset.keys.split(" ").map((name) => KEYSYMS[name]);
    keys.forEach((key) => rfb?.sendKey(key, null, true));
    keys.reverse().forEach((key) => rfb?.sendKey(key, null, false));
    rfb?.focus();
  });
}

// The clipboard, both ways. A browser may refuse to read or to write its own: the text field remains.
const text = $("text");
let last = "";

async function received(copied) {
  last = copied;
  text.value = copied;
  try {
    await navigator.clipboard?.writeText(copied);
  } catch {
    // It needs the reader's leave, or the page is not in front.
  }
}

function bring(copied) {
  if (!copied || copied === last) return;
  last = copied;
  text.value = copied;
  rfb?.clipboardPasteFrom(copied);
}

$("send").addEventListener("click", () => {
  last = "";
  bring(text.value);
  $("clipboard").open = false;
  rfb?.focus();
});

// Only what the reader has allowed before: coming back to the page is no moment for a question.
addEventListener("focus", async () => {
  try {
    const leave = await navigator.permissions.query({ name: "clipboard-read" });
    if (leave.state === "granted") bring(await navigator.clipboard.readText());
  } catch {
    // This browser does not know that question.
  }
});

$("full").addEventListener("click", async () => {
  if (document.fullscreenElement) await document.exitFullscreen();
  else await document.documentElement.requestFullscreen().catch(() => say("This browser shows no full screen."));
  rfb?.focus();
});
document.addEventListener("fullscreenchange", () => {
  $("full").textContent = document.fullscreenElement ? "Leave full screen" : "Full screen";
});

// A click on the desktop closes what is open in the bar.
screen.addEventListener("pointerdown", () => {
  for (const panel of bar.querySelectorAll("details[open]")) panel.open = false;
}, { capture: true });

connect();
