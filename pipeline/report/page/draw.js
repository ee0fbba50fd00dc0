"use strict";
// Elements, tables and charts. Whatever the data says becomes text, never markup.
const [data, changes] = ["data", "changes"].map((id) =>
  JSON.parse(document.getElementById(id).textContent),
);
const main = document.getElementById("main");
const number = (n) => (n ?? 0).toLocaleString("en");
const counted = (n, noun) => `${number(n)} ${noun}${n === 1 ? "" : "s"}`;
const percent = (share) => (share === null || isNaN(share) ? "–" : `${(100 * share).toFixed(1)} %`);
const words = (name) => name.replaceAll("_", " ");
const sum = (values) => values.reduce((total, value) => total + value, 0);
const fold = (text) => text.normalize("NFKC").toLowerCase();
const datasets = new Map(data.datasets.map((dataset) => [dataset.id, dataset]));
// Signs for control characters, which JSON holds as escapes; what turns the reading is gone already.
const visible = (text) => String(text).replace(/[\x00-\x08\x0b-\x1f\x7f]/g, "·");

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== null && value !== false) element.setAttribute(name, visible(value));
  }
  const nodes = children.flat(9).filter((child) => child || child === 0);
  element.append(...nodes.map((child) => (child instanceof Node ? child : visible(child))));
  return element;
}
const h = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
const link = (parameters, ...children) =>
  h("a", { href: `#${new URLSearchParams(parameters)}` }, ...children);
const datasetLink = (id) => (datasets.has(id) ? link({ dataset: id }, id) : id);

// A table; a head is a name or [name, class of its cells], a cell is text or nodes.
function table(heads, rows, caption) {
  heads = heads.map((head) => [head].flat());
  const cell = (value, i) => {
    const attributes = { class: heads[i][1] ?? (typeof value === "number" ? "n" : null) };
    const content = typeof value === "number" ? number(value) : value;
    return i ? h("td", attributes, content) : h("th", { scope: "row", ...attributes }, content);
  };
  const numeric = (i) => rows.some((row) => typeof row[i] === "number");
  const head = ([name, style], i) =>
    h("th", { scope: "col", class: style ?? (numeric(i) ? "n" : null) }, name);
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h("table", {},
      h("caption", {}, caption),
      h("thead", {}, h("tr", {}, heads.map(head))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map(cell))))));
}

// The part of a name that fits into so many pixels; Chinese characters are twice as wide.
function clipped(name, room) {
  let width = 0;
  const fits = [...visible(name)].filter((c) => (width += c > "⺀" ? 12.5 : 6.7) <= room);
  return width <= room ? name : `${fits.slice(0, -1).join("")}…`;
}

function figure(title, width, height, ...shapes) {
  const frame = { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title };
  return h("figure", {}, h("figcaption", {}, title), svg("svg", frame, shapes));
}

// Horizontal bars of [name, count, words at the end].
function bars(title, rows) {
  const width = Math.min(main.clientWidth, 440);
  const [left, room] = [150, width - 150 - 62];
  const most = Math.max(1, ...rows.map(([, count]) => count));
  const bar = ([name, count, end], i) => {
    const long = (room * count) / most;
    const size = { x: left, y: 3, width: Math.max(long, 1), height: 15, rx: 2 };
    return svg("g", { transform: `translate(0 ${i * 22})` },
      svg("title", {}, `${name}: ${number(count)}`),
      svg("text", { x: left - 8, y: 15, "text-anchor": "end" }, clipped(name, left - 8)),
      svg("rect", { ...size, class: "fill-keep" }),
      svg("text", { x: left + long + 6, y: 15, class: "dim" }, end ?? number(count)));
  };
  return figure(title, width, rows.length * 22 + 2, rows.map(bar));
}

function histogram(title, names, counts) {
  const used = counts.flatMap((count, i) => (count ? [i] : []));
  const rows = names.map((name, i) => [name, counts[i], percent(counts[i] / (sum(counts) || 1))]);
  return bars(title, rows.slice(used[0] ?? 0, (used.at(-1) ?? 0) + 1));
}

// The flow from rows read to instructions, as a Sankey diagram.
function flow(total, byTask) {
  const width = Math.min(main.clientWidth, 820);
  const narrow = width < 560;
  const reasons = Object.entries(total.dropped).filter(([, n]) => n);
  reasons.sort((a, b) => b[1] - a[1]);
  const rest = reasons.splice(6).map(([, n]) => n);
  if (rest.length) reasons.push(["other reasons", sum(rest)]);
  const made = sum(Object.values(byTask));
  const node = (column, name, count, color, size = count) => (
    { column, name, count, color, size, in: 0, out: 0 });
  // The first of a column leads to those of the next.
  const nodes = [
    node(0, "rows read", total.rows, "read"),
    node(0, "added by cutting long texts", total.windows, "read"),
    node(1, "records", total.records, "read"),
    node(1, "merged", total.merged_rows, "merged"),
    node(1, "rejected", total.rejected, "rejected"),
    node(2, "kept", total.kept, "keep"),
    ...reasons.map(([reason, n]) => node(2, reason, n, "drop")),
    ...Object.entries(byTask).map(([task, n]) => node(3, task, n, "keep", (total.kept * n) / made)),
  ].filter(({ name, count }) => count || ["rows read", "records", "kept"].includes(name));
  const columns = [0, 1, 2, 3].map((column) => nodes.filter((node) => node.column === column));
  // The last column stands so far from the edge that its longest label fits.
  const longest = Math.max(7, ...columns[3].map(({ name, count }) => `${name} ${number(count)}`.length));
  const [top, room, left] = [44, narrow ? 190 : 230, (width - 16 - 7.8 * longest) / 3];
  const scale = room / (Math.max(total.rows, total.records) || 1);
  const slot = (size) => Math.max(size * scale + 4, 18);
  // What is made of kept records ends where these end, so that no ribbon crosses a reason.
  const rise = sum(columns[3].map(({ size }) => slot(size))) - total.kept * scale;
  columns.forEach((column, i) => {
    let y = top + Math.max(0, i < 3 ? rise : -rise);
    column.forEach((node, place) => {
      Object.assign(node, { x: i * left, y, height: Math.max(node.size * scale, 1.5) });
      y += slot(node.size) + (i < 3 && place === 0 ? 8 : 0);
      // Where there is no room beside each other, what is dropped stands below what is not read.
      if (narrow && i === 2 && place === 0) y += 18 * (columns[1].length - 1);
    });
  });
  const ribbon = (from, to, size) => {
    const thick = Math.max(size * scale, 1);
    const [x0, x1, bend] = [from.x + 8, to.x, (from.x + 8 + to.x) / 2];
    const [y0, y1] = [from.y + from.out + thick / 2, to.y + to.in + thick / 2];
    from.out += thick;
    to.in += thick;
    const path = `M${x0} ${y0}C${bend} ${y0} ${bend} ${y1} ${x1} ${y1}`;
    return svg("path", { d: path, "stroke-width": thick, class: `ribbon ${to.color}` },
      svg("title", {}, `${words(from.name)} → ${words(to.name)}: ${number(to.count)}`));
  };
  const added = ({ name }) => (name === "records" ? total.windows : 0);
  const ribbons = columns.slice(1).flatMap((column, i) =>
    column.map((node) => ribbon(columns[i][0], node, node.size - added(node))));
  if (total.windows) ribbons.push(ribbon(columns[0][1], columns[1][0], total.windows));
  const heading = (x, y, name, count) => [
    svg("text", { x, y: y - 22, class: "dim" }, name),
    svg("text", { x, y: y - 6, class: "strong" }, number(count)),
  ];
  const label = ({ x, y, height, column, name, count, color }, place) =>
    svg("g", {},
      svg("title", {}, `${words(name)}: ${number(count)}`),
      svg("rect", { x, y, width: 8, height, class: `fill-${color}` }),
      column < 3 && place === 0
        ? heading(x, y, name, count)
        : svg("text", { x: x + 13, y: y + height / 2 + 4.5 },
            `${clipped(words(name), width - x - 22 - 7.8 * number(count).length)} `,
            svg("tspan", { class: "count" }, number(count))));
  const bottom = Math.max(...nodes.map(({ y, height }) => y + height)) + 12;
  return figure("From rows read to instructions: what became of every record", width, bottom,
    ribbons, columns.map((column) => column.map(label)),
    heading(3 * left, columns[3][0]?.y ?? top, "instructions", made));
}
