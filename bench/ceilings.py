"""What the machine can do at most, measured in the same run: docs/BENCHMARKS.md relates figures to it."""

import os
import re
import subprocess
import tempfile

# Our own statements' shapes, on our own tables; what is unnested is made by the server, so that the client costs nothing.
INSERT = """\
INSERT INTO jobs (shard, id, type, queue, priority, state, max_attempts, run_at, payload,
  created_at, updated_at, epoch, attempts, crashes, sequence)
SELECT d.block % 8, ('00000000-0000-7000-8000-' || lpad(to_hex(d.block * :rows + g), 12, '0'))::uuid, 'noop', 'default',
  3, 1, 3, now(), convert_to('{"k":"noop","pad":"' || repeat('x', 100) || '"}', 'UTF8'), now(), now(), 1, 0, 0, 1
FROM (SELECT nextval('bench_insert') AS block) d, generate_series(0, :rows - 1) g;
"""
FINISH = """\
WITH d AS MATERIALIZED (
  SELECT (block % 8)::int2 AS shard, ('00000000-0000-7000-8000-' || lpad(to_hex(block * :rows + g), 12, '0'))::uuid AS id
  FROM (SELECT nextval('bench_finish') AS block) s, generate_series(0, :rows - 1) g)
UPDATE jobs SET state = 3, attempts = jobs.attempts + 1, sequence = jobs.sequence + 2, updated_at = now(),
  started_at = now(), finished_at = now(), worker = 'bench-worker'
FROM d WHERE jobs.shard = d.shard AND jobs.id = d.id AND jobs.epoch = 1 AND jobs.state IN (1, 2, 6, 8);
"""
SINGLE = "INSERT INTO bench_single (id, payload) VALUES (nextval('bench_insert'), repeat('x', 100));\n"


def postgres_bin():
    folders = [f"/usr/lib/postgresql/{version}/bin" for version in sorted(os.listdir("/usr/lib/postgresql"), key=float)]
    return folders[-1]


def measure(services, options, record, say):
    """Measures all of it in about two minutes."""
    quick = options.jobs < 10_000
    seconds = 1 if quick else 5
    bin_dir = postgres_bin()
    # The plan that the store's own statement has: by key, row by row.
    environ = {**os.environ, "PGOPTIONS": "-c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off"}

    say("ceilings: durable flushes (pg_test_fsync)")
    file = os.path.join(services.dir, "fsync-test")
    said = subprocess.run(
        [f"{bin_dir}/pg_test_fsync", "-s", str(seconds), "-f", file], capture_output=True, text=True, timeout=300, check=False
    ).stdout
    # The first table is of one 8 kB write each.
    first = said.split("Compare file sync methods using two")[0]
    for method in ("fdatasync", "fsync", "open_datasync"):
        if found := re.search(rf"^\s*{method}\s+([\d.]+) ops/sec", first, re.M):
            record(f"durable flushes/s ({method})", float(found.group(1)))

    def pgbench(script, clients, rows=1, transactions=0):
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as written:
            written.write(script)
            written.flush()
            length = ["-t", str(transactions)] if transactions else ["-T", str(seconds)]
            command = [f"{bin_dir}/pgbench", "-n", "-M", "prepared", "-f", written.name, "-c", str(clients)]
            command += ["-j", str(min(clients, 2)), "-D", f"rows={rows}", *length, services.database]
            said = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environ, check=False)
        found = re.search(r"tps = ([\d.]+)", said.stdout)
        if not found:
            raise ValueError(f"pgbench: {said.stderr.strip()[-300:]}")
        return float(found.group(1))

    tsctl = os.path.join(options.bin_dir, "tsctl")
    subprocess.run([tsctl, "migrate", "--database-url", services.database], check=True, capture_output=True, timeout=60)
    services.psql.ask("CREATE TABLE bench_single (id INT8 PRIMARY KEY, payload TEXT NOT NULL)")
    for name in ("bench_insert", "bench_finish"):
        services.psql.ask(f"CREATE SEQUENCE {name} MINVALUE 0 CACHE 1")

    for clients in (1, 2, 4, 8):
        say(f"ceilings: commits of one row, {clients} connections")
        record(f"single-row commits/s, {clients} connections", pgbench(SINGLE, clients))
    for rows in (1, 25, 100, 500, 1000):
        for clients in (1, 2, 4):
            services.psql.ask("TRUNCATE jobs")
            services.psql.ask("ALTER SEQUENCE bench_insert RESTART")
            services.psql.ask("ALTER SEQUENCE bench_finish RESTART")
            transactions = max(4, int((400 if quick else 40_000 // clients) / rows)) if rows > 1 else 0
            insert = pgbench(INSERT, clients, rows, transactions) * rows
            # As many as were inserted, not one more.
            blocks = int(services.psql.number("SELECT last_value FROM bench_insert")) + 1
            services.psql.ask("ANALYZE jobs")
            finish = pgbench(FINISH, clients, rows, max(1, blocks // clients)) * rows
            say(f"ceilings: {rows} rows a statement, {clients} connections: insert {insert:,.0f}, finish {finish:,.0f} rows/s")
            record(f"rows inserted/s, {rows} a statement, {clients} connections", insert)
            record(f"rows finished/s, {rows} a statement, {clients} connections", finish)
            record(f"jobs/s by rows alone, {rows} a statement, {clients} connections", 1 / (1 / insert + 1 / finish))

    port = re.search(r":(\d+)/", services.redis_url).group(1)
    for pipeline in (1, 16, 64):
        said = subprocess.run(
            ["redis-benchmark", "-p", port, "-P", str(pipeline), "-t", "rpush,lpop", "-n", "20000" if quick else "400000", "--csv"],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        ).stdout
        for command, rate in re.findall(r'^"(RPUSH|LPOP)","([\d.]+)"', said, re.M):
            record(f"Redis {command}/s, pipeline of {pipeline}", float(rate))
        say(f"ceilings: Redis, pipeline of {pipeline}")
