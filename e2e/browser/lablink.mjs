// A LabLink of one's own, as `make run` starts it: VMs are processes on this machine. Agents that are
// told the code `expired…` refuse it.
import { spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { createWriteStream } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, patience, until } from "./webdriver.mjs";

export const command = (code) => `DISPLAY= /opt/google/chrome-remote-desktop/start-host --code="${code}" --redirect-url="https://remotedesktop.google.com/_/oauthredirect" --name=$(hostname)`;

export async function start({ host = "127.0.0.1", config = "e2e/browser/commands.yaml" } = {}) {
  const [folder, port] = [await mkdtemp(join(tmpdir(), "lablink-browser-")), await freePort()];
  await chmod(folder, 0o755); // its PostgreSQL runs as another user
  const program = join(process.env.CARGO_TARGET_DIR ?? "target", "debug/lablink-allocator");
  const words = ["serve", "--config", config, "--data-dir", join(folder, "data"), "--listen", `${host === "127.0.0.1" ? host : "0.0.0.0"}:${port}`];
  const allocator = spawn(program, words, { env: { ...process.env, ENVIRONMENT: "dev", HOME: folder }, stdio: ["ignore", "pipe", "pipe"] });
  const log = createWriteStream(join(folder, "log"));
  allocator.stdout.pipe(log);
  allocator.stderr.pipe(log);
  const ended = new Promise((done) => allocator.on("exit", done));
  const stop = async () => {
    allocator.kill("SIGTERM");
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const base = `http://${host}:${port}`;
  try {
    await until("the allocator is ready", async () => (await fetch(`${base}/readyz`)).ok);
  } catch (error) {
    console.log(await readFile(join(folder, "log"), "utf8"));
    await stop();
    throw error;
  }
  const password = (await readFile(join(folder, "data/admin-password"), "utf8")).trim();
  const admin = { authorization: `Basic ${Buffer.from(`admin:${password}`).toString("base64")}` };
  const call = async (path, { method = "GET", body } = {}) => {
    const headers = { ...admin, "content-type": "application/json" };
    const answer = await fetch(base + path, { method, headers, body: body && JSON.stringify(body), redirect: "manual" });
    return answer.headers.get("content-type")?.startsWith("application/json") ? answer.json() : answer;
  };
  const free = async () => (await call("/api/unassigned_vms_count")).count;
  const waitForFree = (count) => until(`${count} VMs are free`, async () => (await free()) >= count, 2 * patience);
  // As people bookmark it.
  const organisers = `http://admin:${password}@${host}:${port}/admin`;
  return { base, organisers, password, call, waitForFree, stop, folder };
}
