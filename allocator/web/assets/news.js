// Hears for all pages of this browser what changes, over one stream for participants' pages and one
// for organisers': a browser gives a host only six connections. Runs as a shared worker.
//
// A page says hello with `{ stream, page, again }`, from time to time, and goodbye with `{}`. It is told
// `{ changed: true }`, and the stream's state: `listening` or `lost`, with since when, `asking` (streams
// don't get through here, but answers do: the page is to ask by itself) or `refused`.
const streams = new Map(); // by address
const hosts = new Map(); // of each page's port, the stream that it is on
const MOST_PAGES = 64; // of one stream, as the server has it
const FORGOTTEN_AFTER = 300000; // a page that ended without a goodbye
const LATE = 3000; // for a beat, or the stream's begin, beyond what it should take
const LIMITS = [2000, 3000, 4000]; // for the stream's begin, try after try
const LONGEST_PAUSE = 1200; // without an answer: pages are to be right a few seconds after the network is back
const LONGEST_REFUSED = 15000; // with one that has no stream to give
const KNOCK = 3500; // for an answer; Chromium slows down who tries more often
const ELSEWHERE = 30000; // between tries where streams don't get through

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
class Stream {
  constructor(address) {
    this.address = address;
    this.pages = new Map(); // by port: its page's path, and when it last said something
    this.told = { state: "opening" };
    this.tries = 0;
    this.opened = 0;
    this.heard = Date.now();
  }
  join(port, page, again) {
    const known = [...this.pages.values()].some((other) => other.page === page);
    this.pages.set(port, { page, at: Date.now() });
    port.postMessage(this.told);
    const doubtful = again && !this.opening && Date.now() - this.opened > 1000;
    if (!known || doubtful) this.soon();
  }
  leave(port) {
    this.pages.delete(port);
    if (this.pages.size) return;
    const running = [this.reading, this.opening];
    this.reading = this.opening = undefined;
    running.forEach((stop) => stop?.abort());
    clearTimeout(this.next);
    streams.delete(this.address);
  }
  tell(told) {
    this.told = told;
    for (const port of this.pages.keys()) port.postMessage(told);
  }
  // Pages that come together are one request.
  soon() {
    clearTimeout(this.next);
    this.next = setTimeout(() => this.retry(), 30);
  }
  // The stream before goes on until this one has begun, so that no change falls in between.
  async open() {
    clearTimeout(this.next);
    this.opening?.abort();
    const [stop, wanted] = [new AbortController(), this.wanted()];
    [this.opening, this.refused] = [stop, false];
    const limit = setTimeout(() => stop.abort(), LIMITS[Math.min(this.tries, LIMITS.length - 1)]);
    try {
      const answer = await fetch(this.address, {
        method: "POST", headers: { "content-type": "application/json" }, cache: "no-store", signal: stop.signal,
        body: JSON.stringify({ pages: wanted }),
      });
      if (answer.status === 401 || answer.status === 403) return this.refuse();
      this.refused = !answer.ok;
      if (this.refused) throw new Error(answer.status);
      const reader = answer.body.getReader();
      const first = await reader.read();
      if (first.done) throw new Error("ended");
      clearTimeout(limit);
      if (this.opening !== stop) return;
      const before = this.reading;
      [this.reading, this.opening, this.opened, this.tries] = [stop, undefined, Date.now(), 0];
      before?.abort();
      this.tell({ state: "listening", since: this.opened });
      await this.read(reader, first.value);
    } catch {} finally {
      clearTimeout(limit);
    }
    if (this.opening === stop || this.reading === stop) this.fail(stop);
  }
  wanted() {
    // Older ones look again now and then by themselves.
    return [...new Set([...this.pages.values()].map(({ page }) => page))].slice(-MOST_PAGES);
  }
  async read(reader, value) {
    const decoder = new TextDecoder();
    for (let rest = "", done = false; !done; { value, done } = await reader.read()) {
      this.heard = Date.now();
      rest += decoder.decode(value, { stream: true });
      const lines = rest.split("\n");
      rest = lines.pop();
      for (const line of lines) if (line.startsWith("data:")) this.hear(JSON.parse(line.slice(5)));
    }
  }
  hear({ begins, changed }) {
    if (begins) this.pace = begins;
    for (const [port, { page }] of this.pages) if (page === changed) port.postMessage({ changed: true });
  }
  // A stream that ended is followed by another without a word, unless that fails as well.
  fail(stop) {
    const ended = this.reading === stop;
    if (ended) this.reading = undefined;
    else this.opening = undefined;
    if (!ended && !this.reading) this.lose();
    const longest = this.refused ? LONGEST_REFUSED : LONGEST_PAUSE;
    const wait = this.told.state === "asking" ? ELSEWHERE : Math.min(longest, 200 * 2 ** this.tries);
    this.tries += 1;
    clearTimeout(this.next);
    this.next = setTimeout(() => this.retry(), wait * (0.5 + Math.random() / 2));
    if (this.told.state === "lost" && this.tries > 2) this.probe();
  }
  async retry() {
    if (this.knocks) return;
    this.knocks = true;
    while (this.told.state === "lost" && this.pages.size && !(await isBack())) await pause(500 + Math.random() * 500);
    this.knocks = false;
    if (this.pages.size) this.open();
  }
  lose() {
    if (this.told.state !== "lost" && this.told.state !== "asking") this.tell({ state: "lost", since: this.heard });
  }
  // A proxy that keeps back what is not whole lets other answers through.
  async probe() {
    const signal = AbortSignal.timeout(LIMITS[1]);
    const answer = await fetch("/healthz", { cache: "no-store", signal }).catch(() => ({}));
    if (answer.ok && this.told.state === "lost") this.tell({ state: "asking" });
  }
  refuse() {
    this.opening = undefined;
    this.tell({ state: "refused" });
  }
  watch(now) {
    for (const [port, { at }] of this.pages) if (now - at > FORGOTTEN_AFTER) depart(port);
    if (!this.reading || this.opening) return;
    if (now - this.heard > this.pace.beat_ms + LATE) {
      this.reading.abort();
      this.lose();
    } else if (now - this.opened > this.pace.renewed_after_ms) {
      this.open();
    }
  }
}

// Chromium lets a request wait for a connection that it began to open during an outage, which tries
// again only after ever longer pauses. So while nothing answers, none is begun but by a WebSocket,
// which opens one of its own each time; then as many requests at once as may hang, and one more, so
// that the others find a fresh connection.
async function isBack() {
  if (!navigator.userAgent.includes("Chrome/")) return true;
  const socket = new WebSocket(`ws${location.origin.slice(4)}/healthz`);
  const answered = await new Promise((done) => {
    socket.onopen = socket.onerror = () => done(true); // it is no WebSocket's address: an error is an answer
    setTimeout(done, KNOCK, false);
  });
  socket.close();
  if (!answered) return false;
  const signal = AbortSignal.timeout(LIMITS[1]);
  const fresh = Array.from({ length: 4 }, () => fetch("/healthz", { cache: "no-store", signal }));
  return Promise.any(fresh).then(() => true, () => false);
}
function depart(port) {
  hosts.get(port)?.leave(port);
  hosts.delete(port);
}
onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data: { stream: address, page, again } }) => {
    if (hosts.get(port)?.address !== address || hosts.get(port).pages.get(port).page !== page) depart(port);
    if (!address) return;
    if (!streams.has(address)) streams.set(address, new Stream(address));
    hosts.set(port, streams.get(address));
    streams.get(address).join(port, page, again);
  };
};
setInterval(() => streams.forEach((stream) => stream.watch(Date.now())), 1000);
