"""Celery on Redis: acks late, so that a killed worker loses nothing, and results kept in Redis, as the other peers keep
finished jobs. It has no bulk enqueue; the driver sets Redis's appendfsync."""

import json
import mmap
import os
import struct
import subprocess
import sys
import threading
import time

from celery import Celery, signals


def number(name, otherwise):
    return int(float(os.environ.get(name) or otherwise))


def now():
    return time.time_ns() // 1000


REDIS = os.environ.get("REDIS_URL", "")
app = Celery("peer", broker=REDIS, backend=REDIS)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=number("PREFETCH", 64),
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    # Killed workers' messages come back after this; an hour is the default, and what its documentation asks for.
    broker_transport_options={"visibility_timeout": number("VISIBILITY_S", 3600)},
)

SLOTS = 64
STAMPS = os.environ.get("STAMPS", "")
# One count per process of the pool, at the place that it takes at its start; then the first start and the last one.
if "SHARED" not in os.environ:
    memory = os.memfd_create("bench", 0)
    os.ftruncate(memory, 8 * (SLOTS + 3))
    os.environ["SHARED"] = str(memory)
shared = mmap.mmap(int(os.environ["SHARED"]), 8 * (SLOTS + 3))
place = 0


def get(at):
    return struct.unpack_from("q", shared, 8 * at)[0]


def put(at, value):
    struct.pack_into("q", shared, 8 * at, value)


@signals.worker_process_init.connect
def begin(**_):
    global place
    place = os.getpid() % SLOTS


@app.task(name="bench")
def bench(job):
    moment = now()
    if not get(SLOTS):
        put(SLOTS, moment)
    put(SLOTS + 1, moment)
    if job["k"] == "stamp":
        append(f"{os.getpid()} {moment - job['at'] * 1000}\n")
    elif job["k"] == "hold":
        append(f"{number('WORKER', 0)} {moment}\n")
        time.sleep(job["ms"] / 1000)
    put(place, get(place) + 1)


def append(text):
    with open(STAMPS, "a", encoding="ascii") as file:
        file.write(text)


def say(line):
    os.write(1, (json.dumps(line) + "\n").encode())


def payload():
    job = {"k": os.environ.get("KIND") or "noop", "pad": "x" * number("PAD", 100)}
    if os.environ.get("RUN_AT_MS"):
        job["at"] = number("RUN_AT_MS", 0)
    if job["k"] == "hold":
        job["ms"] = number("HOLD_MS", 600_000)
    return job


def add(job):
    if "at" in job:
        bench.apply_async((job,), countdown=max(0, job["at"] / 1000 - time.time()))
    else:
        bench.delay(job)


def produce():
    most, seconds, limit = number("JOBS", 1 << 60), number("SECONDS", 0), number("LIMIT", 0)
    handled = [0]

    def read():
        for line in sys.stdin:
            handled[0] = int(line)

    if limit:
        threading.Thread(target=read, daemon=True).start()
    job, start, sent = payload(), time.monotonic(), 0
    while sent < most and not (seconds and time.monotonic() - start >= seconds):
        if limit and sent + 1 - handled[0] > limit:
            time.sleep(0.001)
            continue
        add(job)
        sent += 1
    say({"mode": "produce", "jobs": sent, "seconds": time.monotonic() - start})


def worker_main(concurrency):
    flags = ["--loglevel=CRITICAL", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    app.worker_main(["worker", f"--concurrency={concurrency}", *flags])


def work():
    os.environ["WORKER"] = str(os.getpid())

    def tell():
        told = None
        while True:
            n = sum(get(at) for at in range(SLOTS))
            if n != told:
                say({"n": n, "us": now(), "first": get(SLOTS)})
                told = n
            time.sleep(0.025)

    threading.Thread(target=tell, daemon=True).start()
    say({"ready": now()})
    worker_main(number("CONCURRENCY", 2))


def latency():
    child = subprocess.Popen(
        [sys.executable, __file__, "work"],
        pass_fds=[int(os.environ["SHARED"])],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    samples, whole, warm = [], [], 20
    try:
        for i in range(number("SAMPLES", 500) + warm):
            before = get(SLOTS + 1)
            called = now()
            add(payload())
            acknowledged = now()
            limit = time.monotonic() + 60
            while get(SLOTS + 1) == before:
                if time.monotonic() > limit:
                    raise TimeoutError("a job did not begin within a minute")
                time.sleep(0.0002)
            if i >= warm:
                samples.append(get(SLOTS + 1) - acknowledged)
                whole.append(get(SLOTS + 1) - called)
            time.sleep(number("REST_MS", 20) / 1000)
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
    say({"mode": "latency", "us": samples, "whole_us": whole})


if __name__ == "__main__":
    {"setup": lambda: None, "produce": produce, "work": work, "latency": latency}[sys.argv[1]]()
