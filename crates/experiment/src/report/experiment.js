// Draws the report of an experiment: every side's curves over each other, and what may be said of its figures.
const { summary, seconds, sent, curves } = data;

// --- figures for people
const side = n => `var(--c${n})`;
const figure = (v, unit) => v === null ? "–" : {
  "seconds": () => v === 0 ? "0 s" : v < 1 ? round(v * 1e3) + " ms" : round(v) + " s", "jobs": () => short(v), "job-seconds": () => short(v) + " job·s",
  "pod-seconds": () => short(v) + " pod·s", "core-seconds": () => short(v) + " core·s", "share": () => percent(v),
}[unit]();
const dot = n => { const i = el("i", { class: "dot" }); i.style.background = side(n); return i; };

// --- charts: a line for each side, the median of its repeats; what lies between the least and the greatest is shaded
const end = Math.max(1, ...seconds);
const marks = sent < end ? [{ x: sent, name: "last job sent" }] : [];
const styles = [{}, { dash: "5 3" }];
function over(title, tell, scale, ...names) {
  const lines = names.flatMap(([name, suffix], style) => curves.map((of, n) => ({ name: summary.sides[n].name + (suffix ?? ""), color: side(n), values: of[name].median,
    low: summary.repeats > 1 ? of[name].low : null, high: summary.repeats > 1 ? of[name].high : null, ...styles[style] })));
  return chart(title, { x: seconds, lines, scale, tell, xTicks: steps(end, 6), xAt: v => v / end, xTell: clock, marks });
}
const any = name => curves.some(of => of[name].high.some(v => v > 0));
const from0 = minimum => values => linear(values, minimum);
const length = v => v === 0 ? "0 s" : time(v * 1e6);
const charts = [
  over("Workers: wanted (dashed) and ready", short, from0(1), ["worker_ready", " ready"], ["worker_wanted", " wanted"]),
  over("Jobs that are ready and not started", short, from0(10), ["ready_jobs"]),
  over("Age of the oldest ready job", length, from0(1), ["oldest_s"]),
  over("Wait of the jobs due in each second, p95", length, from0(0.1), ["wait_p95_s"]),
  over("From due to done, p95", length, from0(0.1), ["e2e_p95_s"]),
  over("Jobs accepted per second", short, from0(1), ["accepted"]),
  over("API pods that are ready", short, from0(1), ["api_ready"]),
  over("Jobs that run", short, from0(1), ["running_jobs"]),
  any("worker_cores") ? over("Cores used by the workers", round, from0(0.1), ["worker_cores"]) : null,
  any("api_cores") ? over("Cores used by the API", round, from0(0.1), ["api_cores"]) : null,
  over("Submit latency, p99", length, from0(0.001), ["submit_p99_s"]),
  any("errors") ? over("Jobs refused or not sent, per second", short, from0(1), ["errors"]) : null,
];

// --- the table
const spread = (of, unit) => {
  const missing = of.values.includes("never") ? "never" : "–";
  if (of.median === null) return el("span", { class: "dim" }, missing);
  return el("span", {}, figure(of.median, unit), of.min === of.max ? "" : el("span", { class: "range" }, `${figure(of.min, unit)} – ${figure(of.max, unit)}`));
};
// The repeats as dots on a line, so that an overlap is seen.
function strip(measure) {
  const all = measure.sides.flatMap(of => of.values).filter(v => typeof v === "number");
  const top = Math.max(...all, 1e-9), W = 150, row = 9, H = measure.sides.length * row + 2;
  const svg = shape("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, class: "strip", role: "img", "aria-label": "repeats" });
  measure.sides.forEach((of, n) => {
    const y = n * row + row / 2 + 1, at = v => 4 + v / top * (W - 8), values = of.values.filter(v => typeof v === "number");
    svg.append(shape("line", { class: "frame", x1: 4, x2: W - 4, y1: y, y2: y }));
    if (values.length > 1) svg.append(shape("line", { x1: at(Math.min(...values)), x2: at(Math.max(...values)), y1: y, y2: y, stroke: side(n), "stroke-width": 3, "stroke-opacity": 0.4 }));
    for (const v of values) svg.append(shape("circle", { cx: at(v), cy: y, r: 3, fill: side(n) }));
  });
  return all.length ? svg : el("span");
}
function judged(measure) {
  const better = summary.sides.findIndex(one => one.name === measure.verdict.better);
  const [name, ...rest] = better < 0 ? [measure.verdict.text] : [el("b", {}, dot(better), measure.verdict.better), measure.verdict.text.slice(measure.verdict.better.length)];
  return el("td", { class: "words" + (better < 0 ? " dim" : "") }, name, ...rest);
}
const verdicts = el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "less is better"), ...summary.sides.map((one, n) => el("th", {}, dot(n), one.name)), el("th", { class: "left" }, "repeats"), el("th", { class: "left" }, "verdict"))),
  el("tbody", {}, ...summary.measures.map(measure => el("tr", {}, el("td", { title: measure.meaning }, measure.title), ...measure.sides.map(of => el("td", {}, spread(of, measure.unit))), el("td", { class: "left" }, strip(measure)), judged(measure)))));

// --- the page
const wins = summary.sides.map(one => summary.measures.filter(measure => measure.verdict.better === one.name));
const { profile } = summary;
const load = [["stages", profile.stages.join("  ")], ["arrivals", profile.arrivals], ["mix", profile.mix], ["priorities", profile.priorities], ["payload", profile.payload_bytes + " bytes"],
  ["jobs per call", profile.batch], ["connections", profile.connections], ["queue", profile.queue || "default"], ["seed", profile.seed]];
const pick = (run, name) => { const v = run.figures[name], unit = summary.measures.find(m => m.name === name).unit; return typeof v === "number" ? figure(v, unit) : v ?? "–"; };
const index = name => summary.sides.findIndex(one => one.name === name);
const broken = summary.runs.flatMap(run => run.thresholds.filter(t => !t.holds).map(t => `run ${run.number} (${run.side}): ${t.threshold}`));
const state = summary.failure ? "failed" : summary.interrupted ? "interrupted" : broken.length ? "threshold broken" : null;

document.title = "Experiment: " + summary.sides.map(one => one.name).join(" against ");
document.getElementById("page").append(...[
  el("h1", {}, summary.sides.map(one => one.name).join(" against "), state ? el("span", { class: "verdict bad" }, state) : null),
  el("p", {}, `${summary.runs.length} runs, ${summary.repeats} of each side, in turns; the same seeded load in each`),
  el("p", { class: "dim" }, `${summary.started_at.slice(0, 19).replace("T", " ")} to ${summary.ended_at.slice(11, 19)} UTC · ${summary.cluster} · ${summary.tool}`),
  el("div", { class: "tiles" }, ...summary.sides.map((one, n) => el("div", { class: "tile" }, el("b", {}, dot(n), `better in ${wins[n].length}`), el("span", {}, `${one.name}: ${wins[n].map(m => m.title.toLowerCase()).join("; ") || "in nothing"}`)))),
  summary.failure || broken.length ? el("section", { class: "notes" }, el("h2", {}, "What went wrong"), el("ul", {}, ...[summary.failure, ...broken].filter(Boolean).map(text => el("li", {}, text)))) : null,
  el("section", { class: "wide" }, el("h2", {}, "Which is better"), verdicts, el("p", { class: "dim" }, summary.rule)),
  el("div", { class: "grid" }, ...charts.filter(Boolean)),
  el("p", { class: "dim" }, summary.repeats > 1 ? "Lines are the median of the repeats, second by second; what lies between the least and the greatest is shaded. Second 0 is the first job." : "Second 0 is the first job."),
  el("section", { class: "wide" }, el("h2", {}, "Runs, in their order"), table(["", "side", "repeat", "", "installed in", "most workers", "first worker", "caught up", "wait p95", "worker pods", "lost"],
    summary.runs.map(run => [run.number, el("span", {}, dot(index(run.side)), run.side), run.repeat, el("span", run.state === "complete" ? {} : { class: "bad" }, run.state), figure(run.install_seconds, "seconds"), run.most_workers ?? "–",
      pick(run, "first_worker"), pick(run, "catch_up"), pick(run, "wait_p95"), pick(run, "worker_pod_seconds"), pick(run, "lost")]))),
  summary.runs.some(run => run.events.length) ? el("section", { class: "wide" }, el("details", {}, el("summary", {}, "What the cluster did"), table(["run", "at", "", "", ""],
    summary.runs.flatMap(run => run.events.map(event => [run.number, clock(event.at), [event.reason], [event.object], [event.message]]))))) : null,
  summary.warnings.length ? el("section", { class: "notes wide" }, el("details", {}, el("summary", {}, `To keep in mind (${summary.warnings.length})`), el("ul", {}, ...summary.warnings.map(text => el("li", {}, text))))) : null,
  el("div", { class: "grid" }, section("The load of every run", table(["", ""], load.map(([name, value]) => [name, [String(value)]]))),
    section("What the figures mean", table(["", ""], summary.measures.map(measure => [measure.title, [measure.meaning]]))),
    ...summary.sides.map((one, n) => el("section", {}, el("details", {}, el("summary", {}, dot(n), one.file), el("pre", {}, one.values))))),
].filter(Boolean));
