// BullMQ on Redis. The driver sets Redis's appendfsync; finished jobs are kept, which is the default.
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { main } from "../lib/peer.mjs";

const connect = () => new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: null });

main({
  async setup() {},
  async producer() {
    const connection = connect();
    const queue = new Queue("bench", { connection });
    return {
      add(payloads, dueMs) {
        const opts = dueMs ? { delay: Math.max(0, dueMs - Date.now()) } : {};
        if (payloads.length === 1) return queue.add("bench", payloads[0], opts);
        return queue.addBulk(payloads.map((data) => ({ name: "bench", data, opts })));
      },
      async close() {
        await queue.close();
        connection.disconnect();
      },
    };
  },
  async worker(handler, concurrency) {
    const worker = new Worker("bench", (job) => handler(job.data), { connection: connect(), concurrency });
    await worker.waitUntilReady();
    return { stop: () => worker.close(true) };
  },
});
