"use strict";
// What the pages have in common. No library: a chart is some paths, two axes and a cursor.

// --- numbers for people
const round = (n, digits = 3) => n === 0 ? "0" : Math.abs(n) >= 1000 ? Math.round(n).toLocaleString("en") : String(Number(n.toPrecision(digits)));
const short = n => n >= 1e6 ? round(n / 1e6) + "M" : n >= 1e4 ? round(n / 1e3) + "k" : round(n);
const time = us => us >= 1e6 ? round(us / 1e6) + " s" : us >= 1e3 ? round(us / 1e3) + " ms" : round(us) + " µs";
const percent = share => round(share * 100) + " %";
const clock = s => s < 120 ? round(s, 4) + " s" : `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;

// --- elements
function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children.filter(child => child !== null));
  return node;
}
function shape(name, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}
const section = (title, ...content) => el("section", {}, el("h2", {}, title), ...content);
function table(head, lines) {
  const cell = value => value instanceof Node ? el("td", {}, value) : Array.isArray(value) ? el("td", { class: "words" }, value[0]) : el("td", {}, String(value));
  return el("table", {}, el("thead", {}, el("tr", {}, ...head.map(name => el("th", {}, name)))),
    el("tbody", {}, ...lines.map(line => el("tr", {}, ...line.map(cell)))));
}

// --- axes
function steps(max, count = 4) {
  const raw = max / count, unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find(n => n * unit >= raw) * unit;
  return Array.from({ length: Math.floor(max / step + 1e-9) + 1 }, (_, n) => n * step);
}
function linear(values, minimum = 1) {
  const top = Math.max(minimum, ...values) * 1.12;
  return { at: v => v / top, ticks: steps(top) };
}
function logarithmic(values) {
  const positive = values.filter(v => v > 0);
  const low = Math.floor(Math.log10(Math.min(...positive))), high = Math.max(low + 1, Math.log10(Math.max(...positive) * 1.1));
  const ticks = [];
  for (let power = low; power <= high; power++) for (const n of high - low <= 3 ? [1, 2, 5] : [1]) if (Math.log10(n) + power <= high) ticks.push(n * 10 ** power);
  return { at: v => (Math.log10(Math.max(v, 10 ** low)) - low) / (high - low), ticks };
}

// A chart of lines: `lines` are { name, color, values }, with null where there is no value; with { low, high } besides,
// what lies between them is shaded, and with a dash they are dashed.
function chart(title, { x, lines, scale, tell, xTicks, xAt, xTell, marks = [] }) {
  const shown = lines.filter(line => line.values.some(value => value !== null));
  const all = shown.flatMap(line => [...line.values, ...line.high ?? []]).filter(value => value !== null);
  if (!all.length) return null;
  const W = 560, H = 220, L = 58, R = 12, T = 8, B = 24;
  const y = scale(all), px = n => L + xAt(x[n]) * (W - L - R), py = v => H - B - y.at(v) * (H - T - B);
  const svg = shape("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": title });
  for (const tick of y.ticks) {
    svg.append(shape("line", { class: "frame", x1: L, x2: W - R, y1: py(tick), y2: py(tick) }));
    svg.append(shape("text", { x: L - 6, y: py(tick) + 4, "text-anchor": "end" }, tell(tick)));
  }
  for (const tick of xTicks) svg.append(shape("text", { x: L + xAt(tick) * (W - L - R), y: H - 6, "text-anchor": "middle" }, xTell(tick)));
  for (const mark of marks) {
    const at = L + xAt(mark.x) * (W - L - R);
    svg.append(shape("line", { class: "frame", x1: at, x2: at, y1: T, y2: H - B, "stroke-dasharray": "4 3" }), shape("text", { x: at + 4, y: T + 10 }, mark.name));
  }
  for (const line of shown) {
    let run = [];
    const shade = () => {
      if (run.length > 1) svg.append(shape("path", { stroke: "none", fill: line.color, "fill-opacity": 0.18,
        d: "M" + [...run.map(n => [n, line.high[n]]), ...run.toReversed().map(n => [n, line.low[n]])].map(([n, v]) => `${px(n).toFixed(1)} ${py(v).toFixed(1)}`).join("L") + "Z" }));
      run = [];
    };
    for (let n = 0; line.low && n < x.length; n++) if (line.low[n] === null || line.high[n] === null) shade(); else run.push(n);
    shade();
  }
  for (const line of shown) {
    let path = "", pen = "M";
    line.values.forEach((value, n) => {
      if (value === null) { pen = "M"; return; }
      path += `${pen}${px(n).toFixed(1)} ${py(value).toFixed(1)}`; pen = "L";
    });
    svg.append(shape("path", { d: path, fill: "none", stroke: line.color, "stroke-width": 1.6, "stroke-linejoin": "round", ...line.dash ? { "stroke-dasharray": line.dash } : {} }));
    if (x.length === 1) svg.append(shape("circle", { cx: px(0), cy: py(line.values[0]), r: 2.5, fill: line.color }));
  }
  const cursor = shape("line", { class: "frame", y1: T, y2: H - B, visibility: "hidden" });
  svg.append(cursor);
  const key = el("div", { class: "key" });
  const name = n => {
    const dot = color => { const i = el("i"); i.style.background = color; return i; };
    const value = line => n === null || line.values[n] === null ? "" : " " + tell(line.values[n]);
    key.replaceChildren(...shown.map(line => el("span", {}, dot(line.color), line.name + value(line))), el("span", { class: "dim" }, n === null ? "" : xTell(x[n])));
  };
  name(null);
  svg.addEventListener("pointermove", event => {
    const at = (event.clientX - svg.getBoundingClientRect().left) / svg.getBoundingClientRect().width * W;
    let best = 0;
    for (let n = 1; n < x.length; n++) if (Math.abs(px(n) - at) < Math.abs(px(best) - at)) best = n;
    cursor.setAttribute("x1", px(best)); cursor.setAttribute("x2", px(best)); cursor.setAttribute("visibility", "visible");
    name(best);
  });
  svg.addEventListener("pointerleave", () => { cursor.setAttribute("visibility", "hidden"); name(null); });
  return section(title, key, svg);
}
