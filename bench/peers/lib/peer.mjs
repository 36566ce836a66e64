// What every peer written for Node shares: the modes of ../../README.md over an adapter of four functions.
//
//   setup(): makes the schema
//   producer(): { add(payloads, dueMs): enqueues them through the peer's bulk call, close() }
//   worker(handler, concurrency): begins to work and returns { stop() }
import { appendFileSync, writeSync } from "node:fs";

const env = (name, otherwise) => process.env[name] || otherwise;
const number = (name, otherwise) => Number(env(name, otherwise));
const say = (line) => writeSync(1, JSON.stringify(line) + "\n");
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
// CLOCK_REALTIME to the microsecond, so that processes of one machine can be compared.
const begun = { wall: Date.now() * 1000, mono: process.hrtime.bigint() };
const now = () => begun.wall + Number((process.hrtime.bigint() - begun.mono) / 1000n);

function payload() {
  const made = { k: env("KIND", "noop"), pad: "x".repeat(number("PAD", 100)) };
  if (env("RUN_AT_MS")) made.at = number("RUN_AT_MS");
  if (made.k === "hold") made.ms = number("HOLD_MS", 600_000);
  return made;
}

// Counts that the driver sends: a line is the number of jobs handled so far.
function handledCount() {
  let handled = 0;
  let rest = "";
  process.stdin.setEncoding("utf8");
  process.stdin.on("data", (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    const last = lines.findLast((line) => line !== "");
    if (last) handled = Number(last);
  });
  process.stdin.unref?.();
  return () => handled;
}

async function produce(adapter) {
  const chunk = number("CHUNK", 1000);
  const most = number("JOBS", Number.MAX_SAFE_INTEGER);
  const seconds = number("SECONDS", 0);
  const limit = number("LIMIT", 0);
  const handled = limit ? handledCount() : () => 0;
  const one = payload();
  const producer = await adapter.producer();
  let taken = 0;
  let sent = 0;
  const start = now();
  const end = seconds ? start + seconds * 1e6 : Infinity;
  const loop = async () => {
    while (taken < most && now() < end) {
      const size = Math.min(chunk, most - taken);
      if (limit && taken + size - handled() > limit) {
        await sleep(1);
        continue;
      }
      taken += size;
      await producer.add(Array(size).fill(one), one.at);
      sent += size;
    }
  };
  await Promise.all(Array.from({ length: number("PRODUCERS", 1) }, loop));
  say({ mode: "produce", jobs: sent, seconds: (now() - start) / 1e6 });
  await producer.close();
}

async function work(adapter) {
  const stamps = env("STAMPS", "");
  let n = 0;
  let first = 0;
  const late = [];
  const handler = async (job) => {
    if (n === 0) first = now();
    if (job.k === "stamp") late.push(now() - job.at * 1000);
    else if (job.k === "hold") {
      appendFileSync(stamps, `${process.pid} ${now()}\n`);
      await sleep(job.ms);
    }
    n += 1;
  };
  let told = -1;
  const tell = () => {
    if (n !== told) say({ n, us: now(), first });
    told = n;
  };
  const worker = await adapter.worker(handler, number("CONCURRENCY", 10));
  say({ ready: now() });
  const ticks = setInterval(tell, 25);
  await new Promise((done) => {
    process.on("SIGTERM", done);
    process.stdin.on("end", done).on("error", done).resume();
  });
  clearInterval(ticks);
  tell();
  if (late.length) appendFileSync(stamps, late.map((us) => `${process.pid} ${Math.round(us)}\n`).join(""));
  await Promise.race([worker.stop(), sleep(5000)]);
}

async function latency(adapter) {
  let start;
  const worker = await adapter.worker(async () => start?.(now()), number("CONCURRENCY", 10));
  const producer = await adapter.producer();
  const samples = [];
  const whole = [];
  const warm = 20;
  for (let i = 0; i < number("SAMPLES", 500) + warm; i += 1) {
    const begins = new Promise((done) => (start = done));
    const called = now();
    await producer.add([payload()]);
    const acknowledged = now();
    const began = await Promise.race([begins, sleep(60_000).then(() => NaN)]);
    if (i >= warm) {
      samples.push(Math.round(began - acknowledged));
      whole.push(Math.round(began - called));
    }
    // So that the peer comes to rest: it is idle latency.
    await sleep(number("REST_MS", 20));
  }
  say({ mode: "latency", us: samples, whole_us: whole });
  await Promise.race([Promise.all([producer.close(), worker.stop()]), sleep(5000)]);
}

export async function main(adapter) {
  const mode = process.argv[2];
  if (mode === "setup") await adapter.setup();
  else if (mode === "produce") await produce(adapter);
  else if (mode === "work") await work(adapter);
  else if (mode === "latency") await latency(adapter);
  else throw new Error(`no such mode: ${mode}`);
  process.exit(0);
}
