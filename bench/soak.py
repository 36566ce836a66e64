"""Whether throughput holds: for a long time, half of it with a snapshot held open, while which no dead row can be cleared away."""

import statistics
import time

# Of a minute or so: shorter ones differ by what a checkpoint costs.
WINDOWS = 20
# The snapshot is held from the end of this window to the end of that one.
HELD = (WINDOWS // 4, WINDOWS * 3 // 4)
# Calls at once, at the most: what all of `sustain`'s would store in twenty minutes takes more disk than most machines have free.
CALLS = 64


def soak(bench, options, open_session):
    """Enqueues, runs and completes at once, as `sustain`; from a quarter of the time to three quarters a snapshot is held."""
    bench.setup()
    bench.start_workers()
    lasts = options.soak
    producer = bench.spawn(
        [*bench.peer.command, "produce"],
        KIND="noop",
        JOBS="",
        SECONDS=lasts + 1,
        LIMIT=options.open,
        PRODUCERS=min(CALLS, bench.peer.producers),
    )
    begun = time.monotonic()
    marks = [(begun, bench.handled())]
    holder = open_session(bench.services.database)
    try:
        for window in range(WINDOWS):
            if window == HELD[0]:
                holder.ask("BEGIN ISOLATION LEVEL REPEATABLE READ")
                holder.ask("SELECT txid_current_snapshot()")
            if window == HELD[1]:
                holder.ask("COMMIT")
            bench.feed(producer, begun + lasts * (window + 1) / WINDOWS)
            marks.append((time.monotonic(), bench.handled()))
    finally:
        holder.close()
    bench.feed(producer, time.monotonic() + 30)
    sent = producer.result(5)["jobs"]
    rates = [(after - before) / (end - start) for (start, before), (end, after) in zip(marks, marks[1:], strict=False)]
    # The first has the start in it.
    middle = statistics.median(rates[1:])
    return {
        "seconds": lasts,
        "sent": sent,
        "handled": bench.handled(),
        "per_s": middle,
        "held_per_s": statistics.median(rates[HELD[0] : HELD[1]]),
        "lowest": min(rates[1:]) / middle,
        "highest": max(rates[1:]) / middle,
        "windows": [round(rate) for rate in rates],
        "rss_mib": bench.rss(),
    }
