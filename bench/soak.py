"""Whether throughput holds: for a long time, half of it with a snapshot held open, while which no dead row can be cleared away."""

import statistics
import time

# Of a minute or so: shorter ones differ by what a checkpoint costs.
WINDOWS = 20


class Flow:
    """What has been handled by when."""

    def __init__(self):
        self.marks = []

    def note(self, seconds, handled):
        self.marks.append((seconds, handled))

    def rates(self):
        """By window, each with the moment at which it ended."""
        return [
            (end, (after - before) / (end - begin)) for (begin, before), (end, after) in zip(self.marks, self.marks[1:], strict=False)
        ]


def soak(bench, options, open_session):
    """Enqueues, runs and completes at once, as `sustain`; from a quarter of the time to three quarters a snapshot is held."""
    bench.setup()
    bench.start_workers()
    lasts = options.soak
    producer = bench.spawn([*bench.peer.command, "produce"], KIND="noop", JOBS="", SECONDS=lasts + 1, LIMIT=options.open)
    held = (lasts / 4, lasts * 3 / 4)
    flow, holder, begun = Flow(), None, time.monotonic()
    next_mark = 0
    try:
        while (passed := time.monotonic() - begun) < lasts and producer.popen.poll() is None:
            handled = bench.handled()
            producer.tell(f"{handled}\n")
            if passed >= next_mark:
                flow.note(passed, handled)
                next_mark += lasts / WINDOWS
            if held[0] <= passed < held[1] and not holder:
                holder = open_session(bench.services.database)
                holder.ask("BEGIN ISOLATION LEVEL REPEATABLE READ")
                holder.ask("SELECT txid_current_snapshot()")
            if passed >= held[1] and holder:
                holder.close()
                holder = None
            time.sleep(0.01)
        flow.note(time.monotonic() - begun, bench.handled())
    finally:
        if holder:
            holder.close()
    # It waits to be told before it ends.
    limit = time.monotonic() + 30
    while producer.popen.poll() is None and time.monotonic() < limit:
        producer.tell(f"{bench.handled()}\n")
        time.sleep(0.01)
    sent = producer.result(5)["jobs"]
    # The first has the start in it.
    rates = flow.rates()[1:]
    during = [rate for end, rate in rates if held[0] < end <= held[1] + 1]
    middle = statistics.median(rate for _, rate in rates)
    return {
        "seconds": lasts,
        "sent": sent,
        "handled": bench.handled(),
        "per_s": middle,
        "held_per_s": statistics.median(during),
        "lowest": min(rate for _, rate in rates) / middle,
        "highest": max(rate for _, rate in rates) / middle,
        "windows": [[round(end), round(rate)] for end, rate in rates],
        "rss_mib": bench.rss(),
    }
