#!/usr/bin/env python3
"""Runs the benchmark: see README.md beside this file. Called by ci/bench.sh, which builds what it needs first."""

import argparse
import contextlib
import datetime
import json
import os
import random
import re
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, HERE)

import ceilings  # noqa: E402
import peers  # noqa: E402
import report  # noqa: E402
import soak  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
MODES = ("drain", "sustain", "latency", "crash", "delayed", "backlog")
# Only when it is asked for.
LONG_MODES = ("soak",)
BEGUN = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - BEGUN:6.0f}s] {text}", file=sys.stderr, flush=True)


def now():
    return time.time_ns() // 1000


def free_port():
    """One below those that the system hands out, so that nobody is given it meanwhile; Temporal keeps ports in 15 bits."""
    while True:
        port = random.randint(10000, 32000)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


class Failed(Exception):
    """A cell that gave no figure, and why."""


def until(condition, seconds, what, pause=0.005):
    """Waits, but not for ever."""
    limit = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > limit:
            raise Failed(f"{what}: not within {seconds:.0f} s")
        time.sleep(pause)
    return answer


# --- Processes ---------------------------------------------------------------------------------------


def stat(pid):
    """Parent, and CPU ticks of the process and of its children that have ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[1]), sum(int(field) for field in fields[11:15])


def tree(root):
    """The process and all below it."""
    below = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (found := stat(entry)):
            below.setdefault(found[0], []).append(int(entry))
    pids, left = [], [root]
    while left:
        pid = left.pop()
        pids.append(pid)
        left += below.get(pid, [])
    return pids


def cpu(root):
    """CPU seconds of the process and all below it, those that have ended included."""
    return sum(found[1] for pid in tree(root) if (found := stat(pid))) / TICK


def peak_rss(root):
    """MiB at the most, added up over the tree."""
    total = 0
    for pid in tree(root):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            total += next((int(line.split()[1]) for line in file if line.startswith("VmHWM")), 0)
    return round(total / 1024, 1)


class Proc:
    """A program of the benchmark, in a session of its own, with what it prints as it comes."""

    def __init__(self, command, env, log, stdin=subprocess.PIPE):
        self.lines, self.n, self.first, self.marks = [], 0, 0, []
        self.log = open(log, "ab")  # noqa: SIM115
        self.popen = subprocess.Popen(
            command, env=env, stdin=stdin, stdout=subprocess.PIPE, stderr=self.log, start_new_session=True, cwd=ROOT
        )
        self.pid = self.popen.pid
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.popen.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if not isinstance(said, dict):
                continue
            if "n" in said:
                self.n, self.first = said["n"], said["first"]
                self.marks.append((said["us"], said["n"]))
            else:
                self.lines.append(said)

    def ready(self):
        if self.popen.poll() is not None:
            raise Failed(f"it ended with {self.popen.returncode}; see {self.log.name}")
        return any("ready" in line for line in self.lines)

    def tell(self, text):
        with contextlib.suppress(OSError, ValueError):
            self.popen.stdin.write(text.encode())
            self.popen.stdin.flush()

    def result(self, seconds):
        """The last line it printed, when it has ended."""
        try:
            status = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"it did not end within {seconds:.0f} s") from None
        self.reader.join(5)
        if status != 0:
            raise Failed(f"it ended with {status}; see {self.log.name}")
        return self.lines[-1] if self.lines else {}

    def kill(self):
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(Exception):
            self.popen.wait(10)
        self.log.close()

    def stop(self, seconds=10):
        """Asks it to end, then ends it."""
        with contextlib.suppress(OSError):
            self.popen.stdin.close()
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(seconds)
        self.kill()


class Psql:
    """One session of psql, so that a question costs no process."""

    def __init__(self, url):
        self.popen = subprocess.Popen(
            ["psql", "-XqAt", "-v", "ON_ERROR_STOP=0", url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
            start_new_session=True,
        )

    def ask(self, sql):
        self.popen.stdin.write(f"{sql.rstrip(';')};\n\\echo __end\n")
        self.popen.stdin.flush()
        answer = []
        for line in self.popen.stdout:
            if line.strip() == "__end":
                return "\n".join(answer)
            answer.append(line.rstrip("\n"))
        raise Failed("psql ended")

    def number(self, sql):
        answer = self.ask(sql)
        try:
            return float(answer)
        except ValueError:
            raise Failed(f"{sql}: {answer}") from None

    def close(self):
        self.popen.kill()
        self.popen.wait()


class Redis:
    """Just enough of a client."""

    def __init__(self, url):
        host, port = re.search(r"//([^:/]+):(\d+)", url).groups()
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        self.file = self.socket.makefile("rb")

    def ask(self, *words):
        parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
        self.socket.sendall(f"*{len(parts)}\r\n{''.join(parts)}".encode())
        return self.answer()

    def answer(self):
        line = self.file.readline().decode().strip()
        kind, rest = line[0], line[1:]
        if kind == "-":
            raise Failed(f"Redis: {rest}")
        if kind == ":":
            return int(rest)
        if kind == "$":
            return None if rest == "-1" else self.file.read(int(rest) + 2)[:-2].decode()
        if kind == "*":
            return [self.answer() for _ in range(int(rest))]
        return rest

    def info(self, name):
        return int(re.search(rf"^{name}:(\d+)", self.ask("INFO", "memory"), re.M).group(1))

    def close(self):
        self.socket.close()


class Services:
    """A PostgreSQL and a Redis of this cell's own."""

    def __init__(self, appendfsync="everysec"):
        started = subprocess.Popen(
            [os.path.join(ROOT, "ci", "services.sh"), "start"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        interrupted = False
        try:
            said, problem = started.communicate(timeout=120)
        except KeyboardInterrupt:
            # Ended half-way, they would be there and nobody would know where.
            interrupted = True
            said, problem = started.communicate(timeout=120)
        if started.returncode != 0:
            raise KeyboardInterrupt if interrupted else Failed(f"ci/services.sh start: {problem.strip()[-400:]}")
        self.env = {}
        for line in said.splitlines():
            for word in shlex.split(line.removeprefix("export ")):
                name, _, value = word.partition("=")
                self.env[name] = value
        self.dir = self.env["SERVICES_DIR"]
        self.database, self.redis_url = self.env["TEST_DATABASE_URL"], self.env["TEST_REDIS_URL"]
        self.psql = self.redis = None
        try:
            if interrupted:
                raise KeyboardInterrupt
            self.psql, self.redis = Psql(self.database), Redis(self.redis_url)
            self.redis.ask("CONFIG", "SET", "appendfsync", appendfsync)
            with open(os.path.join(self.dir, "postgres", "postmaster.pid"), encoding="ascii") as file:
                self.postgres_pid = int(file.readline())
            with open(os.path.join(self.dir, "redis.pid"), encoding="ascii") as file:
                self.redis_pid = int(file.read())
        except BaseException:
            self.stop()
            raise

    def wal(self):
        return self.psql.number("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")

    def stop(self):
        for session in (self.psql, self.redis):
            if session:
                session.close()
        subprocess.run(
            [os.path.join(ROOT, "ci", "services.sh"), "stop", self.dir],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            timeout=60,
            check=False,
        )


# --- A peer on its services --------------------------------------------------------------------------


class Bench:
    """One peer on services of its own, for one run of one mode."""

    def __init__(self, peer, options):
        self.peer, self.options = peer, options
        self.procs, self.workers, self.fixed = [], [], {}
        self.services = None
        self.log = os.path.join(options.out, "logs", f"{peer.name}.log")

    def __enter__(self):
        self.services = Services(self.peer.appendfsync)
        return self

    def __exit__(self, *_):
        for proc in self.procs:
            proc.kill()
        if self.services:
            self.services.stop()

    def env(self, **more):
        made = {
            **os.environ,
            "DATABASE_URL": self.services.database,
            "REDIS_URL": self.services.redis_url,
            "CONCURRENCY": self.peer.concurrency,
            "CHUNK": self.peer.chunk,
            "PRODUCERS": self.peer.producers,
            **self.peer.env,
            **self.fixed,
            **more,
        }
        return {name: str(value) for name, value in made.items()}

    def spawn(self, command, **env):
        proc = Proc(command, self.env(**env), self.log)
        self.procs.append(proc)
        return proc

    # The three parts of every mode; ours is two processes where a peer is one.

    def setup(self, **env):
        self.fixed.update(env)
        if self.peer.ours:
            self.start_api()
        if self.peer.server:
            self.fixed["SERVER_PORT"] = free_port()
            self.server = self.spawn(self.peer.server)
            until(self.server.ready, 120, "its server")
        self.spawn([*self.peer.command, "setup"]).result(60)

    def start_api(self):
        binary = lambda name: os.path.join(self.options.bin_dir, name)  # noqa: E731
        migrated = subprocess.run(
            [binary("tsctl"), "migrate", "--database-url", self.services.database],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if migrated.returncode != 0:
            raise Failed(f"tsctl migrate: {migrated.stderr.strip()[-300:]}")
        port = free_port()
        self.api = self.spawn(
            [binary("scheduler-api")],
            GRPC_PORT=port,
            METRICS_PORT=0,
            LOG_LEVEL="warn",
            POD_NAME="api",
        )
        self.envoy = None
        until(lambda: answers(port), 20, "scheduler-api")
        if self.peer.envoy:
            port = self.start_envoy(port)
        self.fixed["API_URL"] = f"http://127.0.0.1:{port}"

    def start_envoy(self, api):
        with open(os.path.join(ROOT, "compose", "envoy.yaml"), encoding="utf-8") as file:
            config = file.read()
        port = free_port()
        config = config.replace("port_value: 9901", f"port_value: {free_port()}")
        config = config.replace("address: 0.0.0.0, port_value: 8080", f"address: 127.0.0.1, port_value: {port}")
        config, replaced = re.subn(r"address: api-\d, port_value: 8081", f"address: 127.0.0.1, port_value: {api}", config)
        if not replaced:
            raise Failed("compose/envoy.yaml no longer looks as expected")
        path = os.path.join(self.options.out, "envoy.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
        binary = self.services.env.get("ENVOY_BIN")
        if not binary:
            raise Failed("there is no Envoy here: run ci/install.sh")
        arguments = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "error"]
        self.envoy = self.spawn([binary, "--config-path", path, *arguments])
        until(lambda: answers(port), 20, "Envoy")
        # It listens before it knows that the API is there.
        time.sleep(2)
        return port

    def worker(self, name="w", counted=True, **env):
        if not self.peer.ours:
            proc = self.spawn([*self.peer.command, "work"], **env)
            self.workers.append(proc)
            until(proc.ready, 60, "a worker")
            return proc
        port = free_port()
        pool = env.pop("CONCURRENCY", self.peer.concurrency)
        proc = self.spawn(
            [os.path.join(self.options.bin_dir, "scheduler-worker")],
            METRICS_PORT=port,
            LOG_LEVEL="warn",
            POD_NAME=name,
            WORKER_POOL_SIZE=pool,
            **env,
        )
        self.workers.append(proc)
        if counted:
            threading.Thread(target=follow, args=(proc, port), daemon=True).start()
        return proc

    def start_workers(self, **env):
        for number in range(self.peer.workers):
            self.worker(f"w{number}", **env)

    def produce(self, seconds, **env):
        return self.spawn([*self.peer.command, "produce"], **env).result(seconds)

    def feed(self, producer, until):
        """Tells it what was handled, which is what it waits for, until that moment or its end."""
        while time.monotonic() < until and producer.popen.poll() is None:
            producer.tell(f"{self.handled()}\n")
            time.sleep(0.01)

    def preload(self, jobs, **env):
        """Enqueues, and says at which rate."""
        limit = 30 + 3 * jobs / self.peer.enqueue_rate
        made = self.produce(limit, KIND=env.pop("KIND", "noop"), JOBS=jobs, **env)
        if made.get("jobs") != jobs:
            raise Failed(f"it enqueued {made.get('jobs')} of {jobs} jobs")
        return jobs / made["seconds"]

    # What it has done.

    def handled(self):
        for proc in self.workers:
            if proc.popen.poll() is not None:
                raise Failed(f"a worker ended with {proc.popen.returncode}; see {self.log}")
        return sum(proc.n for proc in self.workers)

    def finished(self, jobs):
        """Whether the peer's own record says that all are finished."""
        peer = self.peer
        if peer.open_sql:
            return self.services.psql.number(peer.open_sql.replace("$N", str(jobs))) == 0
        *command, wanted = peer.done_redis
        answer = self.services.redis.ask(*command)
        if peer.name.startswith("celery"):
            return answer == 0 and not self.services.redis.ask("HLEN", "unacked")
        return answer == (jobs if wanted == "N" else wanted)

    def first_start(self):
        if self.peer.ours:
            return self.services.psql.number("SELECT extract(epoch FROM min(started_at)) * 1e6 FROM jobs")
        return min((proc.first for proc in self.workers if proc.first), default=0)

    def reached(self, jobs):
        """When so many had been handled, by all workers together; between two looks, in proportion, but not from before
        the first one started."""
        first = self.first_start()
        marks = sorted((us, proc_at, n) for proc_at, proc in enumerate(self.workers) for us, n in proc.marks)
        counts, before, total_before = {}, None, 0
        for us, proc_at, n in marks:
            counts[proc_at] = n
            total = sum(counts.values())
            if total >= jobs:
                if before is None or total == total_before:
                    return us
                before = min(us, max(before, first))
                return before + (us - before) * (jobs - total_before) / (total - total_before)
            before, total_before = us, total
        raise Failed(f"{jobs} jobs were never reached")

    # What it has cost.

    def roles(self):
        found = {}
        if self.peer.uses_postgres:
            found["postgres"] = [self.services.postgres_pid]
        if self.peer.uses_redis:
            found["redis"] = [self.services.redis_pid]
        if self.workers:
            found["worker"] = [proc.pid for proc in self.workers]
        if self.peer.ours:
            found["api"] = [self.api.pid]
            if self.envoy:
                found["envoy"] = [self.envoy.pid]
        if self.peer.server:
            found["server"] = [self.server.pid]
        return found

    def spent(self):
        return {role: sum(cpu(pid) for pid in pids) for role, pids in self.roles().items()}

    def rss(self):
        wanted = ("worker", "api", "envoy", "server")
        found = {role: sum(map(peak_rss, pids)) for role, pids in self.roles().items() if role in wanted}
        if self.peer.uses_redis:
            found["redis"] = round(self.services.redis.info("used_memory_peak") / 2**20, 1)
        return found


def per_job(before, after, jobs):
    return {role: round((after[role] - before.get(role, 0)) * 1e6 / jobs, 2) for role in after}


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def follow(proc, port):
    """Counts what our worker has done, by its own metrics."""
    address = f"http://127.0.0.1:{port}/metrics"
    while proc.popen.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            with urllib.request.urlopen(address, timeout=2) as answer:
                text = answer.read().decode()
            n = sum(float(value) for value in re.findall(r"^jobs_processed_total\{[^}]*\} (\S+)", text, re.M))
            if n != proc.n or not proc.marks:
                proc.n = int(n)
                proc.marks.append((now(), proc.n))
        time.sleep(0.025)


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


# --- Modes -------------------------------------------------------------------------------------------


def drain(bench, jobs, take=0):
    """Preloads jobs, then starts the workers. Rate: from the first start until the last is recorded as finished, or until
    `take` of them are handled."""
    services = bench.services
    bench.setup()
    redis_before = services.redis.info("used_memory")
    wal, spent = services.wal(), bench.spent()
    enqueue_rate = bench.preload(jobs)
    enqueue_cpu, enqueue_wal = per_job(spent, bench.spent(), jobs), (services.wal() - wal) / jobs
    queued = (services.redis.info("used_memory") - redis_before) / jobs
    wal, spent = services.wal(), bench.spent()
    bench.start_workers()
    enough = take or jobs
    until(lambda: bench.handled() >= enough, 240, f"{enough} jobs handled")
    made = {"jobs": jobs, "enqueue_per_s": enqueue_rate}
    if take:
        end = bench.reached(take)
        return {**made, "per_s": take / (end - bench.first_start()) * 1e6}
    until(lambda: bench.finished(jobs), 60, "all recorded as finished", pause=0.002)
    seconds = (now() - bench.first_start()) / 1e6
    made |= {
        "per_s": jobs / seconds,
        "seconds": seconds,
        "cpu_us_enqueue": enqueue_cpu,
        "cpu_us_run": per_job(spent, bench.spent(), jobs),
        "rss_mib": bench.rss(),
    }
    if bench.peer.uses_postgres:
        made |= {"wal_per_job_enqueue": enqueue_wal, "wal_per_job_run": (services.wal() - wal) / jobs}
    if bench.peer.uses_redis:
        made["redis_bytes_per_queued_job"] = queued
    return made


def sustain(bench, options):
    """Enqueues, runs and completes at once; at most 10,000 jobs open."""
    bench.setup()
    bench.start_workers()
    warm, seconds = options.warm_up, options.seconds
    producer = bench.spawn(
        [*bench.peer.command, "produce"], KIND="noop", JOBS="", SECONDS=warm + seconds + 1, LIMIT=options.open
    )
    begun, marks = time.monotonic(), []
    for moment in (warm, warm + seconds, warm + seconds + 60):
        bench.feed(producer, begun + moment)
        if len(marks) < 2:
            marks.append((time.monotonic(), bench.handled(), bench.spent() | {"producer": cpu(producer.pid)}, bench.services.wal()))
    sent = producer.result(5)["jobs"]
    (t0, n0, spent0, wal0), (t1, n1, spent1, wal1) = marks
    if n1 <= n0:
        raise Failed("nothing was handled")
    with contextlib.suppress(Failed):
        until(lambda: bench.handled() >= sent and bench.finished(sent), 60, "the rest")
    costs = per_job(spent0, spent1, n1 - n0)
    made = {
        "per_s": (n1 - n0) / (t1 - t0),
        "sent": sent,
        "handled": bench.handled(),
        "finished": bench.finished(sent),
        "cpu_us": costs,
        "rss_mib": bench.rss(),
        # All that the machine has, were every microsecond spent on jobs; the producer is not the system's.
        "cpu_us_total": round(sum(cost for role, cost in costs.items() if role != "producer"), 2),
    }
    if bench.peer.uses_postgres:
        made["wal_per_job"] = (wal1 - wal0) / (n1 - n0)
    return made


def latency(bench, options):
    """One job at a time on an idle system: from the acknowledgement to the handler's first instruction."""
    bench.setup()
    if bench.peer.ours:
        # Idle, but for the jobs: nobody asks it for its metrics meanwhile.
        bench.worker(counted=False)
        time.sleep(2)
    samples = min(options.samples, bench.peer.samples)
    made = bench.spawn([*bench.peer.command, "latency"], SAMPLES=samples).result(60 + samples)
    us, whole = made["us"], made["whole_us"]
    return {
        "samples": len(us),
        "p50_us": statistics.median(us),
        "p99_us": quantile(us, 0.99),
        "max_us": max(us),
        "from_call_p50_us": statistics.median(whole),
        "from_call_p99_us": quantile(whole, 0.99),
    }


def crash(bench, options):
    """SIGKILL to a worker with 10 running jobs while another is idle: until that one runs them all."""
    jobs = 10
    stamps = os.path.join(options.out, f"stamps-{bench.peer.name}")
    with contextlib.suppress(FileNotFoundError):
        os.remove(stamps)
    bench.setup(**bench.peer.crash_env)
    settings = {"STAMPS": stamps, "CONCURRENCY": jobs, "POOL": 20}

    def starts(worker):
        if bench.peer.ours:
            rows = bench.services.psql.ask(
                "SELECT extract(epoch FROM started_at) * 1e6 FROM jobs"
                f" WHERE started_at IS NOT NULL AND worker LIKE '{worker.name}%'"
            )
            return [float(row) for row in rows.split()]
        with contextlib.suppress(FileNotFoundError), open(stamps, encoding="ascii") as file:
            return [int(us) for pid, us in map(str.split, file) if int(pid) == worker.pid]
        return []

    first = bench.worker("crash-a", **settings)
    first.name = "crash-a"
    bench.preload(jobs, KIND="hold", CHUNK=min(jobs, bench.peer.chunk))
    until(lambda: len(starts(first)) >= jobs, 60, "10 jobs running", pause=0.05)
    second = bench.worker("crash-b", **settings)
    second.name = "crash-b"
    time.sleep(5)
    if starts(second):
        raise Failed("the second worker runs some already")
    killed = now()
    first.kill()
    bench.workers.remove(first)
    try:
        until(lambda: len(starts(second)) >= jobs, bench.peer.crash_limit, "all run elsewhere", pause=0.05)
    except Failed:
        return {"seconds": None, "gave_up_after": bench.peer.crash_limit, "recovered": len(starts(second))}
    return {"seconds": (max(starts(second)) - killed) / 1e6}


def delayed(bench, options):
    """Jobs all due at the same moment, enqueued before it while the workers wait: how late they start."""
    jobs = max(100, int(options.delayed * bench.peer.share))
    if bench.peer.delayed_most:
        jobs = min(jobs, bench.peer.delayed_most)
    stamps = os.path.join(options.out, f"stamps-{bench.peer.name}")
    with contextlib.suppress(FileNotFoundError):
        os.remove(stamps)
    bench.setup()
    bench.start_workers(STAMPS=stamps)
    time.sleep(1)
    due = int(time.time() + 8 + jobs / bench.peer.enqueue_rate) * 1000
    rate = bench.preload(jobs, KIND="stamp", RUN_AT_MS=due)
    spare = due / 1000 - time.time()
    if spare < 0:
        raise Failed(f"enqueued only {-spare:.1f} s after they were due")
    until(lambda: bench.handled() >= jobs, spare + 240, "all delayed jobs handled", pause=0.05)
    if bench.peer.ours:
        until(lambda: bench.finished(jobs), 60, "all recorded as finished")
        rows = bench.services.psql.ask(
            "SELECT unnest(percentile_cont(ARRAY[0.5, 0.99, 1.0, 0.0]) WITHIN GROUP"
            " (ORDER BY extract(epoch FROM started_at - run_at))) FROM jobs"
        )
        p50, p99, most, least = map(float, rows.split())
    else:
        for worker in bench.workers:
            worker.stop()
        with open(stamps, encoding="ascii") as file:
            late = [int(line.split()[1]) / 1e6 for line in file]
        if len(late) < jobs:
            raise Failed(f"{len(late)} of {jobs} starts are known")
        p50, p99, most, least = statistics.median(late), quantile(late, 0.99), max(late), min(late)
    return {"jobs": jobs, "p50_s": p50, "p99_s": p99, "max_s": most, "min_s": least, "enqueue_per_s": rate}


def backlog(bench, options):
    """Its own two benches: the rate of the first jobs of a small and of a large backlog."""
    take, made = options.take, {}
    bench.__exit__()
    bench.procs, bench.services = [], None
    for name, size in (("small", options.small), ("large", options.large)):
        # Half an hour of preloading would tell nothing new.
        if size / bench.peer.enqueue_rate > 450:
            made[f"{name}_skipped"] = f"{size} jobs would take it more than 450 s to enqueue"
            continue
        count = max(1000, int(take * min(1, bench.peer.share * 4)))
        with Bench(bench.peer, options) as fresh:
            ran = drain(fresh, size + count, take=count)
            made |= {f"{name}_backlog": size, f"{name}_per_s": ran["per_s"], "take": count}
    if "small_per_s" in made and "large_per_s" in made:
        made["ratio"] = made["large_per_s"] / made["small_per_s"]
    return made


def one(peer, mode, options):
    with Bench(peer, options) as bench:
        if mode == "drain":
            return drain(bench, max(200, int(options.jobs * peer.share)))
        if mode == "soak":
            return soak.soak(bench, options, Psql)
        return {"sustain": sustain, "latency": latency, "crash": crash, "delayed": delayed, "backlog": backlog}[mode](
            bench, options
        )


def can(peer, mode):
    return ("sustain" if mode == "soak" else mode) in peer.modes


# --- All of it ---------------------------------------------------------------------------------------


def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=20, check=False).stdout.strip()
    except OSError:
        return ""


def manifest(options):
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        model = re.search(r"^model name\s*: (.*)", file.read(), re.M)
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(file.readline().split()[1]) / 2**20
    dirty = "" if not output("git", "status", "--porcelain") else " with changes"
    return {
        "kind": "manifest",
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": output("git", "rev-parse", "--short=12", "HEAD") + dirty,
        "command": options.command,
        "cpu": model.group(1) if model else os.uname().machine,
        "cores": os.cpu_count(),
        "memory_gib": round(memory),
        "kernel": os.uname().release,
        "busy": busy(1),
        "versions": {
            "PostgreSQL": output("psql", "--version").split(" ", 2)[-1],
            "Redis": (re.search(r"v=(\S+)", output("redis-server", "--version")) or [None, "?"])[1],
            "Node.js": output(peers.node(), "--version"),
            "Go": output(peers.go(), "version").removeprefix("go version "),
            "Rust": output("rustc", "--version"),
            "Python": sys.version.split()[0],
        },
        "peers": report.versions(HERE),
        "options": {name: value for name, value in vars(options).items() if name not in ("command", "out", "bin_dir", "report", "report_only", "append")},
    }


def steal():
    """CPU seconds that the machine's host took away, and that all processes used."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = [int(field) for field in file.readline().split()[1:]]
    return fields[7] / TICK, (sum(fields) - fields[3] - fields[4]) / TICK


def busy(seconds):
    """Share of the machine that others use while the benchmark itself rests."""
    before = steal()[1]
    time.sleep(seconds)
    return round((steal()[1] - before) / seconds / os.cpu_count(), 2)


def arguments():
    parser = argparse.ArgumentParser(prog="ci/bench.sh", description=__doc__)
    known = peers.everyone()
    parser.add_argument("--only", default="", help=f"peers, with commas between: {', '.join(known)}")
    parser.add_argument("--modes", default=",".join(MODES), help="modes, with commas between; soak, too, when asked for")
    parser.add_argument("--runs", type=int, default=5, help="runs of each peer in each mode")
    parser.add_argument("--jobs", type=int, default=200_000, help="jobs drained; slow peers get a share")
    parser.add_argument("--delayed", type=int, default=100_000, help="jobs due at once; slow peers get a share")
    parser.add_argument("--small", type=int, default=10_000, help="the small backlog")
    parser.add_argument("--large", type=int, default=1_000_000, help="the large backlog")
    parser.add_argument("--take", type=int, default=50_000, help="jobs drained from a backlog")
    parser.add_argument("--seconds", type=int, default=20, help="what is measured of `sustain`")
    parser.add_argument("--warm-up", type=int, default=5, help="seconds of `sustain` before that")
    parser.add_argument("--soak", type=int, default=1200, help="seconds of `soak`")
    parser.add_argument("--open", type=int, default=10_000, help="open jobs at the most in `sustain`")
    parser.add_argument("--samples", type=int, default=500, help="jobs of `latency`")
    parser.add_argument("--seed", type=int, default=0, help="for the order; 0 takes another each time")
    parser.add_argument("--no-ceilings", action="store_true", help="do not measure the machine itself")
    parser.add_argument("--no-build", action="store_true", help="build nothing")
    parser.add_argument("--out", default=os.path.join(HERE, "results"), help="folder for raw results and logs")
    parser.add_argument("--report", default=os.path.join(ROOT, "docs", "BENCHMARKS.md"), help="the page to write")
    parser.add_argument("--append", action="store_true", help="add to the results in OUT, to take the modes in turns")
    parser.add_argument("--report-only", action="store_true", help="only write the page, from OUT's results")
    parser.add_argument("--bin-dir", default=os.environ.get("SCHEDULER_BIN_DIR") or os.path.join(ROOT, "target", "release"))
    options = parser.parse_args()
    shown = re.sub(r"--(out|report|bin-dir)[= ]\S+ ?", "", shlex.join(sys.argv[1:])).strip()
    options.command = f"ci/bench.sh {shown}".strip()
    chosen = options.only.split(",") if options.only else list(known)
    for name in chosen:
        if name not in known:
            parser.error(f"no such peer: {name}")
    options.modes = options.modes.split(",")
    for mode in options.modes:
        if mode not in MODES + LONG_MODES:
            parser.error(f"no such mode: {mode}")
    options.out = os.path.abspath(options.out)
    return options, [known[name] for name in chosen]


def build(chosen):
    targets = sorted({word for peer in chosen for word in peer.build.split()})
    say(f"building {' '.join(targets)}")
    subprocess.run([os.path.join(HERE, "build.sh"), *targets], check=True, stdout=sys.stderr, stdin=subprocess.DEVNULL)


def main():
    options, chosen = arguments()
    raw = os.path.join(options.out, "results.jsonl")
    if options.report_only:
        report.write(raw, options.report)
        return 0
    if not options.no_build:
        build(chosen)
        chosen = [peers.everyone()[peer.name] for peer in chosen]
    os.makedirs(os.path.join(options.out, "logs"), exist_ok=True)
    # Results of another time are kept aside, not mixed in.
    if os.path.exists(raw) and not options.append:
        shutil.move(raw, f"{raw}.{int(os.path.getmtime(raw))}")

    def record(line):
        with open(raw, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    record(manifest(options))
    rng = random.Random(options.seed or None)
    given_up, failed = set(), 0
    try:
        if not options.no_ceilings:
            services = Services()
            try:
                ceilings.measure(services, options, lambda name, value: record({"kind": "ceiling", "name": name, "value": value}), say)
            finally:
                services.stop()
        total = sum(can(peer, mode) for peer in chosen for mode in options.modes) * options.runs
        done = 0
        for run in range(1, options.runs + 1):
            cells = [(peer, mode) for peer in chosen for mode in options.modes if can(peer, mode)]
            rng.shuffle(cells)
            for peer, mode in cells:
                done += 1
                if (peer.name, mode) in given_up:
                    continue
                line = {"kind": "run", "peer": peer.name, "mode": mode, "run": run, "busy_before": busy(0.5)}
                begun, stolen = time.monotonic(), steal()
                try:
                    line |= one(peer, mode, options)
                except (Failed, OSError, subprocess.SubprocessError, KeyError, ValueError) as problem:
                    line["error"] = f"{type(problem).__name__}: {problem}"
                    failed += 1
                line |= {"took_s": round(time.monotonic() - begun, 1), "steal_s": round(steal()[0] - stolen[0], 2)}
                # Waiting for what takes hours would tell the same again.
                if line.get("gave_up_after"):
                    given_up.add((peer.name, mode))
                record(line)
                say(f"{done}/{total} run {run} {peer.name} {mode}: {report.brief(line)}")
    except KeyboardInterrupt:
        say("interrupted: what there is so far is kept")
        return 130
    finally:
        with contextlib.suppress(FileNotFoundError):
            report.write(raw, options.report)
            say(f"wrote {os.path.relpath(options.report, ROOT)}; raw results are in {os.path.relpath(raw, ROOT)}")
    return 1 if failed else 0


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt(*_):
    # One is enough: another one must not cut the cleaning up short, which ends by itself.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    for number in SIGNALS:
        signal.signal(number, interrupt)
    sys.exit(main())
