// graphile-worker. CONFIG=batched is what worker.graphile.org/docs/performance was measured with; CONFIG=default sets
// nothing but the concurrency.
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import { main } from "../lib/peer.mjs";

const connectionString = process.env.DATABASE_URL;
const logger = new Logger(() => () => {});

main({
  async setup() {
    const utils = await makeWorkerUtils({ connectionString, logger });
    await utils.migrate();
    await utils.release();
  },
  async producer() {
    const utils = await makeWorkerUtils({ connectionString, logger });
    return {
      add(payloads, dueMs) {
        const runAt = dueMs ? new Date(dueMs) : undefined;
        if (payloads.length === 1) return utils.addJob("bench", payloads[0], { runAt });
        return utils.addJobs(payloads.map((payload) => ({ identifier: "bench", payload, runAt })));
      },
      close: () => utils.release(),
    };
  },
  async worker(handler, concurrency) {
    const batched = process.env.CONFIG !== "default";
    const runner = await run({
      preset: {
        worker: {
          connectionString,
          logger,
          concurrentJobs: concurrency,
          maxPoolSize: concurrency + 1,
          ...(batched && { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 }),
        },
      },
      noHandleSignals: true,
      taskList: { bench: handler },
    });
    return { stop: () => runner.stop() };
  },
});
