// Draws the report of a load.
const { summary, rows, quantiles } = data;

// --- the charts over time
const color = n => `var(--c${n})`;
const full = rows.filter((row, n) => row.seconds > 0.2 || n === 0);
const x = full.map(row => row.at), end = Math.max(1, ...x);
const marks = full.map((row, n) => ({ row, before: full[n - 1] })).filter(({ row, before }) => before && row.phase !== before.phase)
  .map(({ row, before }) => ({ x: before.at, name: row.phase }));
const over = (title, scale, tell, lines) => chart(title, { x, lines, scale, tell, xTicks: steps(end, 6), xAt: v => v / end, xTell: clock, marks });
const rate = field => full.map(row => row[field] / row.seconds);
const some = field => full.map(row => row[field]);
const calls = field => full.map(row => row.phase === "follow" || !row.max_us ? null : row[field]);
const any = field => full.some(row => row[field] > 0);
const ended = full.map((row, n) => n && row.completed !== null && full[n - 1].completed !== null ? Math.max(0, (row.completed - full[n - 1].completed) / (row.at - full[n - 1].at)) : null);

const charts = [
  over("Jobs per second", linear, short, [
    { name: "offered", color: color(4), values: rate("offered") },
    { name: "accepted", color: color(0), values: rate("accepted") },
    { name: "completed (by backlog)", color: color(2), values: ended },
    ...(any("dropped") ? [{ name: "dropped", color: color(1), values: rate("dropped") }] : []),
    ...(any("refused") ? [{ name: "refused", color: color(3), values: rate("refused") }] : []),
  ]),
  over("Submit latency, from the moment a call was due", logarithmic, time, [
    { name: "p50", color: color(0), values: calls("p50_us") }, { name: "p90", color: color(2), values: calls("p90_us") },
    { name: "p99", color: color(1), values: calls("p99_us") }, { name: "p99.9", color: color(4), values: calls("p999_us") }, { name: "max", color: color(3), values: calls("max_us") },
  ]),
  quantiles.length ? chart("Submit latency, distribution", {
    x: quantiles.map(([q]) => 1 / (1 - q)), lines: [{ name: "whole run", color: color(0), values: quantiles.map(([, us]) => us) }], scale: logarithmic, tell: time,
    xTicks: [1, 2, 10, 100, 1e3, 1e4, 1e5, 1e6].filter(v => v <= 1 / (1 - quantiles.at(-1)[0])),
    xAt: v => Math.log(v) / Math.max(Math.log(1 / (1 - quantiles.at(-1)[0])), 1e-9),
    xTell: v => v === 1 ? "0 %" : (100 - 100 / v).toFixed(Math.max(0, Math.ceil(Math.log10(v)) - 2)) + " %",
  }) : null,
  over("Jobs in the scheduler", linear, short, [
    { name: "ready", color: color(1), values: some("ready") }, { name: "running", color: color(0), values: some("running") }, { name: "delayed", color: color(4), values: some("delayed") },
  ]),
  over("Age of the oldest ready job", values => linear(values, 10), v => time(v * 1000), [{ name: "oldest", color: color(1), values: some("oldest_ms") }]),
  over("Calls under way", linear, short, [{ name: "in flight", color: color(0), values: some("in_flight") }]),
  over("Cores used", values => linear([...values, summary.generator.cores], 1), round, [
    { name: "everything on the generator's machine", color: color(4), values: some("machine_cores") }, { name: "the generator", color: color(0), values: some("own_cores") },
  ]),
];

// --- the page
const { jobs, rates, latency, ledger } = summary;
const judged = summary.thresholds.length > 0, passed = summary.thresholds.every(t => t.holds) && !(ledger && (ledger.lost || ledger.unverified || ledger.duplicated));
const tile = (name, value, bad = false) => el("div", { class: "tile" }, el("b", bad ? { class: "bad" } : {}, value), el("span", {}, name));
const meter = share => { const i = el("i"); i.style.width = share * 100 + "%"; return el("div", { class: "meter" }, i); };
const unit = t => t.measured === null ? "not measured" : /_rate</.test(t.threshold) || /^(error|drop)_rate/.test(t.threshold) ? percent(t.measured)
  : /_(min|mean|p\d+|max)[<>=!]/.test(t.threshold) ? time(t.measured) : round(t.measured, 6);

document.title = "Load report: " + summary.address;
document.getElementById("page").append(...[
  el("h1", {}, "Load report", judged || ledger || summary.interrupted ? el("span", { class: "verdict " + (passed && !summary.interrupted ? "good" : "bad") },
    summary.interrupted ? "interrupted" : passed ? "passed" : "failed") : null),
  el("p", {}, `${summary.plan}; mode ${summary.mode}`),
  el("p", { class: "dim" }, `${summary.address} · ${summary.started_at.slice(0, 19).replace("T", " ")} UTC · ${round(summary.measured_seconds, 4)} s measured${summary.warmup_seconds ? ` after ${summary.warmup_seconds} s of warm-up` : ""} · seed ${summary.seed} · ${summary.tool}`),
  el("div", { class: "tiles" },
    tile("jobs accepted", short(jobs.accepted)), tile("accepted per second", short(rates.accepted)),
    latency.submit ? tile("submit p50", time(latency.submit.p50_us)) : null, latency.submit ? tile("submit p99", time(latency.submit.p99_us)) : null,
    latency.start ? tile("acknowledged to start, p50", time(latency.start.p50_us)) : null,
    rates.completed ? tile("completed per second", short(rates.completed)) : null,
    tile("refused", short(jobs.refused), jobs.refused > 0), tile("dropped", short(jobs.dropped), jobs.dropped > 0),
    ledger ? tile("lost", String(ledger.lost), ledger.lost > 0) : null, ledger ? tile("duplicated", String(ledger.duplicated), ledger.duplicated > 0) : null),
  summary.warnings.length ? el("section", { class: "notes" }, el("h2", {}, "To keep in mind"), el("ul", {}, ...summary.warnings.map(text => el("li", {}, text)))) : null,
  el("div", { class: "grid" }, ...[
    judged ? section("Thresholds", table(["", "measured", ""], summary.thresholds.map(t => [[t.threshold], unit(t), el("span", { class: t.holds ? "good" : "bad" }, t.holds ? "holds" : "broken")]))) : null,
    ...charts,
    section("Latency", table(["", "p50", "p90", "p99", "p99.9", "max", "count"], Object.entries(latency).filter(([, l]) => l)
      .map(([name, l]) => [name, time(l.p50_us), time(l.p90_us), time(l.p99_us), time(l.p999_us), time(l.max_us), short(l.count)]))),
    ledger ? section("Ledger, by id", table(["", "jobs"], Object.entries(ledger).filter(([name]) => name !== "gave_up").map(([name, n]) => [name.replaceAll("_", " "), n.toLocaleString("en")])),
      el("p", { class: "dim" }, ledger.gave_up ?? "acknowledged = succeeded + failed + dead + cancelled; none is open")) : null,
    summary.served_by.length ? section("Answers by replica", table(["", "calls", "share", ""], summary.served_by.map(r => [r.name, r.calls.toLocaleString("en"), percent(r.share), meter(r.share)]))) : null,
    summary.errors.length ? section("Errors", table(["", "jobs", ""], summary.errors.map(e => [`${e.code} ${e.reason}`, e.jobs.toLocaleString("en"), [e.message]]))) : null,
    section("Generator", table(["", ""], [["cores used, of " + summary.generator.cores, summary.generator.busy ? round(summary.generator.busy.own_cores) : "?"],
      ["cores used by everything", summary.generator.busy ? round(summary.generator.busy.machine_cores) : "?"],
      ["peak memory", summary.generator.peak_memory_bytes ? round(summary.generator.peak_memory_bytes / 1048576) + " MiB" : "?"]])),
  ].filter(Boolean)),
].filter(Boolean));
