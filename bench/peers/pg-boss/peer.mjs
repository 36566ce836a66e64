// pg-boss. CONFIG=batched fetches BATCH jobs at once and goes on without a pause while batches come back full;
// notifications wake idle workers. A heartbeat finds dead workers sooner than the 15 minutes of `expireInSeconds`.
import { PgBoss } from "pg-boss";
import { main } from "../lib/peer.mjs";

const boss = new PgBoss({
  connectionString: process.env.DATABASE_URL,
  useListenNotify: true,
  schedule: false,
  supervise: process.argv[2] === "work",
});
boss.on("error", (error) => console.error(error));

main({
  async setup() {
    await boss.start();
    const heartbeat = Number(process.env.HEARTBEAT_S || 0);
    await boss.createQueue("bench", { notify: true, ...(heartbeat && { heartbeatSeconds: heartbeat }) });
    await boss.stop({ graceful: false });
  },
  async producer() {
    await boss.start();
    return {
      add(payloads, dueMs) {
        const startAfter = dueMs ? new Date(dueMs) : undefined;
        if (payloads.length === 1) return boss.send("bench", payloads[0], { startAfter });
        return boss.insert("bench", payloads.map((data) => ({ data, startAfter })));
      },
      close: () => boss.stop({ graceful: false }),
    };
  },
  async worker(handler, concurrency) {
    await boss.start();
    const batchSize = Number(process.env.BATCH || 1);
    const options = {
      batchSize,
      // The slots are those of the other peers: with batches a slot is a fetch loop over as many jobs.
      localConcurrency: Math.max(1, Math.round(concurrency / batchSize)),
      burstWhenBatchFull: batchSize > 1,
      pollingIntervalSeconds: 0.5,
      notifyPollingIntervalSeconds: 0.5,
    };
    await boss.work("bench", options, (jobs) => Promise.all(jobs.map((job) => handler(job.data))));
    return { stop: () => boss.stop({ graceful: false }) };
  },
});
