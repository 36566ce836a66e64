"""Writes docs/BENCHMARKS.md from the raw results of bench/run.py."""

import json
import os
import re
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import peers  # noqa: E402


def versions(here):
    """Of the peers, from their lock files."""
    found = {}
    for name in ("graphile-worker", "bullmq", "pg-boss"):
        with open(os.path.join(here, "peers", name, "package-lock.json"), encoding="utf-8") as file:
            found[f"{name} (npm)"] = json.load(file)["packages"][f"node_modules/{name}"]["version"]
    with open(os.path.join(here, "peers", "go", "go.mod"), encoding="utf-8") as file:
        for name, version in re.findall(r"(riverqueue/river|hibiken/asynq|temporal\.io/sdk) v(\S+)", file.read()):
            found[f"{name.replace('.io/', ' ').split('/')[-1]} (Go)"] = version
    with open(os.path.join(here, "peers", "temporal", "go.mod"), encoding="utf-8") as file:
        found["temporal server (Go)"] = re.search(r"temporal\.io/server v(\S+)", file.read()).group(1)
    with open(os.path.join(here, "peers", "rust", "Cargo.lock"), encoding="utf-8") as file:
        lock = file.read()
    for name in ("graphile_worker", "apalis", "apalis-postgres", "awa", "riverqueue"):
        if match := re.search(rf'name = "{name}"\nversion = "([^"]+)"', lock):
            found[f"{name} (crate)"] = match.group(1)
    with open(os.path.join(here, "peers", "celery", "requirements.txt"), encoding="utf-8") as file:
        found["celery (PyPI)"] = re.search(r"^celery\S*==(\S+)", file.read(), re.M).group(1)
    return found


def rate(value):
    return f"{value:,.0f}"


def fine(value):
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def brief(line):
    """A run in a few words."""
    if "error" in line:
        return f"FAILED {line['error']}"
    mode = line["mode"]
    if mode in ("drain", "sustain"):
        return f"{rate(line['per_s'])} jobs/s"
    if mode == "latency":
        return f"p50 {line['p50_us'] / 1000:.2f} ms, p99 {line['p99_us'] / 1000:.2f} ms"
    if mode == "crash":
        return f"{line['seconds']:.1f} s" if line["seconds"] else f"not within {line['gave_up_after']} s"
    if mode == "delayed":
        return f"{line['jobs']} jobs: p50 {line['p50_s']:.2f} s, p99 {line['p99_s']:.2f} s late"
    if mode == "soak":
        return f"{rate(line['per_s'])} jobs/s, windows {line['lowest'] * 100:.0f} to {line['highest'] * 100:.0f} % of it"
    parts = [f"{rate(line[f'{name}_per_s'])}/s at {rate(line[f'{name}_backlog'])}" for name in ("small", "large") if f"{name}_per_s" in line]
    return ", ".join(parts) or "skipped"


def spread(values, show):
    """Median, with the quartiles when there are enough."""
    if not values:
        return "–"
    middle = show(statistics.median(values))
    if len(values) < 3:
        return middle
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"**{middle}** ({show(low)} … {show(high)})"


def sums(lines, key):
    """Medians of a table of costs by role, as text."""
    roles = []
    for role in ("api", "server", "worker", "postgres", "redis", "envoy", "producer"):
        values = [line[key][role] for line in lines if role in line.get(key, {})]
        if values:
            roles.append(f"{role} {fine(statistics.median(values))}")
    return ", ".join(roles) or "–"


def median(lines, key, show=rate):
    values = [line[key] for line in lines if line.get(key) is not None]
    return show(statistics.median(values)) if values else "–"


def lost(good):
    """Jobs that were enqueued and a minute later not finished."""
    if not good:
        return "–"
    open_still = [line["sent"] - line["handled"] for line in good if not line["finished"]]
    return str(max(open_still)) if open_still else "0"


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in rows), ""]


def load(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def write(raw, page):
    lines = load(raw)
    manifests = [line for line in lines if line["kind"] == "manifest"]
    manifest = manifests[0]
    limits = {line["name"]: line["value"] for line in lines if line["kind"] == "ceiling"}
    runs = [line for line in lines if line["kind"] == "run"]
    known = peers.everyone()
    options, cores = manifest["options"], manifest["cores"]
    counts = sorted({line["run"] for line in runs})
    commits = list(dict.fromkeys(line["commit"] for line in manifests))

    def of(mode):
        """Good runs by peer, in the order of the list of peers."""
        for name, peer in known.items():
            cell = [line for line in runs if line["peer"] == name and line["mode"] == mode]
            if cell:
                yield peer, [line for line in cell if "error" not in line], [line for line in cell if "error" in line]

    most = max(counts, default=0)

    def named(peer, good, bad):
        """Its title, and what a reader has to know of a cell that is not as the others."""
        tries, notes = len(good) + len(bad), []
        if tries < most:
            notes.append(f"{tries} run{'s' if tries > 1 else ''}")
        if bad:
            notes.append(f"{len(bad)} failed")
        return peer.title + (f" ({', '.join(notes)})" if notes else "")

    text = [
        "# Benchmarks",
        "",
        "<!-- Generated by ci/bench.sh; do not edit. -->",
        "",
        f"Made {manifest['date']} at commit {', '.join(f'`{commit}`' for commit in commits)} by",
        "",
        "```sh",
        *dict.fromkeys(line["command"] for line in manifests),
        "```",
        "",
        f"on {manifest['cores']} cores of {manifest['cpu']}, {manifest['memory_gib']} GiB, Linux {manifest['kernel']}. "
        f"Others used {max(line['busy'] for line in manifests) * 100:.0f} % of it before the run. Figures are medians of "
        f"{most} runs where nothing else is said, in brackets the quartiles; peers and modes took turns in random order, each run with a fresh PostgreSQL and Redis. "
        "`bench/README.md` says how each figure is taken, `bench/peers.py` how each peer is set up.",
        "",
    ]
    noisy = [line for line in runs if line.get("busy_before", 0) > 0.15]
    if len(noisy) > len(runs) / 10 or most < 5:
        text += ["> **Not a measurement.** The machine was busy with other things, or there were fewer than five runs.", ""]
    text += [
        "**Durability**: D — a job is on disk before its enqueue is acknowledged; R — within a second. `fsync`, "
        "`synchronous_commit` and `full_page_writes` are on, Redis appends to its file with `everysec` or, where it says so, "
        "`always`. No-op jobs with 100 bytes of padding. All programs, clients and servers share the same cores.",
        "",
        "## Who is measured",
        "",
    ]
    measured = [peer for name, peer in known.items() if any(line["peer"] == name for line in runs)]
    text += table(
        ["peer", "settings", "durability", "keeps finished jobs"],
        [[peer.title, peer.settings, peer.durability, peer.keeps] for peer in measured],
    )
    text += [", ".join(f"{name} {version}" for name, version in (manifest["peers"] | manifest["versions"]).items()) + ".", ""]

    if limits:
        text += ["## What the machine can do at most", "", "Measured in the same run, before all else.", ""]
        text += table(["ceiling", "figure"], [[name, rate(value)] for name, value in limits.items() if "rows" not in name])
        best = max((value, name) for name, value in limits.items() if name.startswith("jobs/s by rows"))[0] if any(
            name.startswith("jobs/s by rows") for name in limits
        ) else 0
        text += [
            "Our two statements, inserting jobs and recording their end, on our own tables, made by the server itself "
            "(no client, no protocol); jobs/s is what both together would allow on that many connections.",
            "",
        ]
        shapes = sorted(
            {(int(size), int(count)) for name in limits for size, count in re.findall(r"by rows alone, (\d+) a statement, (\d+)", name)}
        )
        text += table(
            ["rows a statement", "connections", "inserted/s", "finished/s", "jobs/s"],
            [
                [
                    str(size),
                    str(count),
                    *(
                        rate(limits[f"{what}, {size} a statement, {count} connections"])
                        for what in ("rows inserted/s", "rows finished/s", "jobs/s by rows alone")
                    ),
                ]
                for size, count in shapes
            ],
        )
    else:
        best = 0

    drains = list(of("drain"))
    if drains:
        text += ["## Drain", "", "Preloaded no-ops; from the first start until the last is recorded as finished.", ""]
        text += table(
            ["peer", "jobs", "jobs/s", "enqueued/s", "CPU µs per job, running", "CPU µs per job, enqueuing (servers)", "WAL bytes per job"],
            [
                [
                    named(peer, good, bad),
                    median(good, "jobs"),
                    spread([line["per_s"] for line in good], rate),
                    median(good, "enqueue_per_s"),
                    sums(good, "cpu_us_run"),
                    sums(good, "cpu_us_enqueue"),
                    rate(statistics.median([line["wal_per_job_enqueue"] + line["wal_per_job_run"] for line in good]))
                    if good and "wal_per_job_run" in good[0]
                    else "–",
                ]
                for peer, good, bad in drains
            ],
        )
        text += ["Memory: the most that each process held (MiB), and what a queued job takes of Redis.", ""]
        text += table(
            ["peer", "peak MiB", "Redis bytes per queued job"],
            [[peer.title, sums(good, "rss_mib"), median(good, "redis_bytes_per_queued_job")] for peer, good, _ in drains if good],
        )

    sustained = list(of("sustain"))
    if sustained:
        text += [
            "## Sustained",
            "",
            f"Enqueue, run and complete at once, at most {rate(options['open'])} jobs open; {options['seconds']} s after "
            f"{options['warm_up']} s of warming up. The share is of the cores' roofline: what the system's own processes "
            "spent per job, times the rate, over all there is; the producer's is left out.",
            "",
        ]
        text += table(
            ["peer", "jobs/s", "CPU µs per job", "share of the roofline", "WAL bytes per job", "peak MiB", "unfinished"],
            [
                [
                    named(peer, good, bad),
                    spread([line["per_s"] for line in good], rate),
                    sums(good, "cpu_us"),
                    f"{statistics.median([line['per_s'] * line['cpu_us_total'] for line in good]) / cores / 1e4:.0f} %" if good else "–",
                    median(good, "wal_per_job"),
                    sums(good, "rss_mib"),
                    lost(good),
                ]
                for peer, good, bad in sustained
            ],
        )
        ours = [line["per_s"] for peer, good, _ in sustained if peer.name == "ours" for line in good]
        if best and ours:
            text += [
                f"Ours is at {statistics.median(ours) / best * 100:.0f} % of {rate(best)} jobs/s, "
                "the best that rows alone allow (above).",
                "",
            ]
        direct, through = (
            [line for peer, good, _ in sustained if peer.name == name for line in good] for name in ("ours", "ours-envoy")
        )
        if direct and through:
            ratio = statistics.median(line["per_s"] for line in through) / statistics.median(line["per_s"] for line in direct)
            text += [f"Through Envoy: {ratio * 100:.0f} % of the rate without it.", ""]

    latencies = list(of("latency"))
    if latencies:
        text += [
            "## Idle latency",
            "",
            "One job at a time on a system at rest, from the acknowledgement of its enqueue to the start of its handler; below "
            "zero, it began before the acknowledgement arrived. The last two columns count from the call.",
            "",
        ]
        ms = lambda value: f"{value / 1000:.2f}"  # noqa: E731
        text += table(
            ["peer", "median ms", "p99 ms", "worst ms", "from the call: median ms", "p99 ms"],
            [
                [
                    named(peer, good, bad),
                    spread([line["p50_us"] for line in good], ms),
                    spread([line["p99_us"] for line in good], ms),
                    ms(max(line["max_us"] for line in good)) if good else "–",
                    median(good, "from_call_p50_us", ms),
                    median(good, "from_call_p99_us", ms),
                ]
                for peer, good, bad in latencies
            ],
        )

    crashes = list(of("crash"))
    if crashes:
        text += ["## Crash", "", "SIGKILL to a worker with 10 running jobs: seconds until another one, idle till then, runs them all.", ""]
        text += table(
            ["peer", "seconds", "its settings"],
            [
                [
                    named(peer, good, bad),
                    spread([line["seconds"] for line in good if line["seconds"]], fine)
                    if any(line["seconds"] for line in good)
                    else (f"not within {good[0]['gave_up_after']}" if good else "–"),
                    peer.crash_note,
                ]
                for peer, good, bad in crashes
            ],
        )

    delays = list(of("delayed"))
    if delays:
        text += ["## Delayed", "", "Jobs that are all due at the same moment, enqueued before it: how late they start.", ""]
        seconds = lambda value: f"{value:.2f}"  # noqa: E731
        text += table(
            ["peer", "jobs", "median s", "p99 s", "last s"],
            [
                [
                    named(peer, good, bad),
                    median(good, "jobs"),
                    spread([line["p50_s"] for line in good], seconds),
                    spread([line["p99_s"] for line in good], seconds),
                    median(good, "max_s", seconds),
                ]
                for peer, good, bad in delays
            ],
        )

    backlogs = list(of("backlog"))
    if backlogs:
        text += [
            "## Backlog",
            "",
            f"Rate of the first jobs out of a backlog of {rate(options['small'])} more, and of {rate(options['large'])} more.",
            "",
        ]
        text += table(
            ["peer", "first", f"jobs/s at {rate(options['small'])}", f"jobs/s at {rate(options['large'])}", "ratio"],
            [
                [
                    named(peer, good, bad),
                    median(good, "take"),
                    spread([line["small_per_s"] for line in good if "small_per_s" in line], rate),
                    spread([line["large_per_s"] for line in good if "large_per_s" in line], rate)
                    if any("large_per_s" in line for line in good)
                    else "too slow to enqueue",
                    median(good, "ratio", lambda value: f"{value:.2f}"),
                ]
                for peer, good, bad in backlogs
            ],
        )

    soaks = list(of("soak"))
    if soaks:
        text += [
            "## Soak",
            "",
            "As sustained, for longer; from a quarter of the time to three quarters a REPEATABLE READ snapshot is held open, so that no dead row "
            "can be cleared away. The windows are a twentieth of the time each, the first left out.",
            "",
        ]
        text += table(
            ["peer", "seconds", "jobs", "jobs/s", "meanwhile", "lowest window", "highest", "peak MiB"],
            [
                [
                    named(peer, good, bad),
                    median(good, "seconds"),
                    median(good, "handled"),
                    median(good, "per_s"),
                    median(good, "held_per_s"),
                    median(good, "lowest", lambda value: f"{value * 100:.0f} %"),
                    median(good, "highest", lambda value: f"{value * 100:.0f} %"),
                    sums(good, "rss_mib"),
                ]
                for peer, good, bad in soaks
            ],
        )

    failed = [line for line in runs if "error" in line]
    if failed:
        text += ["## Failed runs", ""]
        text += table(["peer", "mode", "run", "why"], [[line["peer"], line["mode"], str(line["run"]), clean(line["error"])] for line in failed])
    stolen = sum(line.get("steal_s", 0) for line in runs)
    took = sum(line.get("took_s", 0) for line in runs)
    if took:
        text += [f"The host took {stolen / took / cores * 100:.1f} % of the cores' time away during the runs.", ""]
    with open(page, "w", encoding="utf-8") as file:
        file.write("\n".join(text))


def clean(problem):
    """Without the folders of this machine."""
    return re.sub(r"; see \S+", "", problem).replace("|", "/").replace("\n", " ")[:200]
