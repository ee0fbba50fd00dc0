// The pages: an overview, one for each dataset, and three lists to search.
const STEP = 20;
const PAIRS = 40;
const { reading: READING, kinds: KINDS } = data.words;

// A text with its spans marked, each followed by its label; offsets count code points.
function marked(text, spans) {
  const characters = [...text];
  const ends = spans.flatMap(([start, end]) => [start, end]);
  const cuts = [...new Set([0, characters.length, ...ends])].sort((a, b) => a - b);
  return cuts.slice(1).map((end, i) => {
    const piece = characters.slice(cuts[i], end).join("");
    const inside = spans.some((span) => span[0] <= cuts[i] && end <= span[1]);
    const closed = spans.filter((span) => span[1] === end && span[2]);
    const tags = closed.map(([, , label]) => h("small", { class: "tag" }, label));
    return [inside ? h("mark", {}, piece) : piece, tags];
  });
}

// Where strings stand in a text, as spans that do not overlap: the longest string first. What cuts
// a word, as "it" does "with", counts only if the string stands nowhere else.
function places(text, strings) {
  const found = [];
  const word = (at) => /[\p{Script=Latin}\p{Nd}]/u.test(text.charAt(at));
  const cut = (at) => word(at - 1) && word(at);
  for (const string of [...new Set(strings)].sort((a, b) => b.length - a.length)) {
    const all = [];
    for (let at = text.indexOf(string); string && at >= 0; at = text.indexOf(string, at + 1)) all.push(at);
    const whole = all.filter((at) => !cut(at) && !cut(at + string.length));
    for (const at of whole.length ? whole : all) {
      const start = [...text.slice(0, at)].length;
      const end = start + [...string].length;
      if (found.every((span) => end <= span[0] || span[1] <= start)) found.push([start, end, ""]);
    }
  }
  return found;
}

// An answer in words, and the strings in it.
function say(answer) {
  if (answer === null || typeof answer !== "object") return answer === "NAN" ? "" : String(answer);
  if (Array.isArray(answer)) return answer.map(say).join(" · ");
  const said = Object.entries(answer).map(([key, value]) => [key, say(value)]);
  return said.flatMap(([key, value]) => (value ? `${key}: ${value}` : [])).join("; ");
}
function strings(answer) {
  if (typeof answer === "string") return answer === "NAN" ? [] : [answer];
  return Object.values(answer ?? {}).flatMap(strings);
}

const head = (status, style, row) =>
  h("h2", {}, h("span", { class: `status ${style}` }, words(status)),
    datasetLink(row.dataset), ` ${row.split} `, h("code", {}, row.id));

function instruction(row) {
  const answers = row.labels.flatMap(([, kind, answer]) => (kind === "positive" ? [answer] : []));
  const asked = ([label, kind, answer]) =>
    h("tr", { class: kind },
      h("th", { scope: "row" },
        h("span", { class: "mark", "aria-hidden": "true" }, KINDS[kind][0]),
        h("span", { class: "hidden" }, `${kind}:`), ` ${label}`),
      h("td", {}, kind === "positive" ? say(answer) : h("span", { class: "dim" }, "none")));
  const pair = row.pair?.map((member) => h("b", {}, member));
  // Keys of an answer are words of its format, but in KG they are entities.
  const entities = row.task === "KG" ? answers.flatMap(Object.keys) : [];
  const text = marked(row.text, places(row.text, [...entities, ...strings(answers)]));
  const schema = row.labels.flatMap(([, , , told]) => (told ? h("li", {}, h("code", {}, told)) : []));
  return h("article", {}, head(row.task, "", row),
    h("div", { class: "beside" },
      h("div", {},
        pair && h("p", { class: "why" }, "asked about the pair ", pair[0], " and ", pair[1]),
        h("p", { class: "text", lang: row.language, dir: "auto" }, text),
        h("details", {}, h("summary", {}, "what the model is told"),
          h("p", {}, row.instruction), schema.length ? h("ul", {}, schema) : null)),
      h("table", { lang: row.language },
        h("caption", { class: "hidden", lang: "en" }, "Labels asked, and the answer"),
        h("tbody", {}, row.labels.map(asked)))));
}

function record(row, about) {
  return h("div", {}, about && h("p", { class: "why" }, about),
    h("p", { class: "text", lang: row.language, dir: "auto" }, marked(row.text, row.spans)),
    row.facts.length ? h("ul", {}, row.facts.map((fact) => h("li", {}, fact))) : null);
}

function outcome(row) {
  const { partner } = row;
  const about = partner && ["its partner ", h("code", {}, partner.id), `, ${words(partner.outcome)}`];
  return h("article", {}, head(row.outcome, row.outcome.split(":")[0], row),
    h("div", { class: partner ? "beside" : null },
      record(row, row.detail || (partner && "this row")), partner && record(partner, about)));
}

function labelPair(pair) {
  const side = ([dataset, label], marks, left) =>
    h("div", {},
      h("p", {}, h("b", {}, label), " in ", datasetLink(dataset)),
      h("p", { class: "why", lang: pair.language }, marks.slice(0, 8).join(" · ")),
      left?.length > 0 && h("p", { class: "why" }, "left by the other: ",
        left.slice(0, 3).map(([string, how, n]) => `${string} (${how}, ${n})`).join(" · ")));
  const [a, b] = pair.strings;
  return h("article", {},
    h("h2", {}, h("span", { class: "status" }, pair.kind),
      `${pair.task} ${pair.language}, similarity ${pair.similarity.toFixed(2)}`),
    h("div", { class: "beside" },
      side(pair.a, a, pair.left_by_b), side(pair.b, b, pair.left_by_a)));
}

// Filters of a list by fields of its items, name -> values of an item.
const by = (...names) => Object.fromEntries(names.map((name) => [name, (item) => [item[name]]]));

// A list to search and filter by `fields`, name -> values of an item. The address holds the filters.
function browse(view, title, about, items, fields, draw, parameters) {
  const texts = items.map((item) => fold(JSON.stringify(item)));
  const names = Object.keys(fields);
  const control = (name) => {
    const values = [...new Set(items.flatMap(fields[name]))].sort();
    const options = values.map((value) => h("option", { value }, words(value)));
    return h("label", {}, name, h("select", { name }, h("option", { value: "" }, "all"), options));
  };
  const events = { input: changed, submit: (event) => event.preventDefault(), reset: () => setTimeout(changed) };
  const form = h("form", { class: "controls", role: "search", ...events },
    h("label", {}, "search", h("input", { type: "search", name: "q" })),
    names.map(control), h("button", { type: "reset" }, "Clear"));
  const status = h("p", { role: "status", class: "dim" });
  const list = h("div", { class: "list" });
  const click = () => show(list.children.length + STEP);
  const more = h("button", { type: "button", click }, "Show more");
  function show(most) {
    const sought = fold(form.elements.q.value).split(/\s+/).filter(Boolean);
    const escaped = sought.map((word) => JSON.stringify(word).slice(1, -1));
    const chosen = names.filter((name) => form.elements[name].value);
    const found = items.filter((item, i) =>
      chosen.every((name) => fields[name](item).includes(form.elements[name].value)) &&
      escaped.every((word) => texts[i].includes(word)));
    list.replaceChildren(...found.slice(0, most).map(draw));
    more.hidden = found.length <= most;
    status.textContent = `${number(found.length)} of ${number(items.length)} match`;
  }
  function changed() {
    const filters = [...new FormData(form)].filter(([, value]) => value);
    history.replaceState(null, "", `#${new URLSearchParams([["view", view], ...filters])}`);
    show(STEP);
  }
  for (const name of ["q", ...names]) form.elements[name].value = parameters.get(name) ?? "";
  show(STEP);
  return [h("h1", {}, title), h("p", { class: "lead" }, about), form, status, list, more];
}

function instructions(parameters) {
  const kinds = (row) => {
    const held = new Set(row.labels.map(([, kind]) => kind));
    return [...held, held.has("positive") ? [] : "no positive"].flat();
  };
  const key = Object.entries(KINDS).map(([kind, [sign, meaning]]) =>
    h("span", {}, h("span", { class: `mark ${kind}` }, sign), `${kind}: ${meaning}`));
  const about = `${number(data.instructions.length)} of ${number(data.total.instructions)}: at most
    ${data.instructions_each} of each dataset, task and split, chosen by the hash of their ids.`;
  const fields = {
    ...by("task", "dataset"),
    label: (row) => row.labels.map(([label]) => label),
    ...by("split"),
    holds: kinds,
  };
  const told = [about, h("span", { class: "key" }, key)];
  return browse("instructions", "Instructions", told, data.instructions, fields, instruction, parameters);
}

function rows(parameters) {
  const about = `At most ${data.rows_each} of each dataset and outcome, chosen by the hash of their ids.
    A row that lost against another stands beside it. Long texts are cut.`;
  const fields = by("outcome", "dataset", "split", "language");
  return browse("rows", "Rows dropped, rejected and kept", about, data.rows, fields, outcome, parameters);
}

function labels(parameters) {
  const kinds = { conflicts: "one name, two things", same: "two names, one thing" };
  const pairs = Object.entries(kinds).flatMap(([key, kind]) =>
    data.labels[key].map((pair) => ({ ...pair, kind })));
  const found = data.labels_found;
  const about = `The labels of all datasets, compared by name, guideline and the strings they mark.
    Names that mean two things: ${number(found.conflicts)}. Pairs that mean the same: ${number(found.same)}.
    Here are the first of each; labels.json holds all.`;
  const fields = {
    ...by("kind", "task"),
    dataset: (pair) => [pair.a[0], pair.b[0]],
    ...by("language"),
  };
  return browse("labels", "The map of labels", about, pairs, fields, labelPair, parameters);
}

function overview() {
  const { total, near, overlap, tasks, glossary } = data;
  const languages = [...new Set(data.datasets.map(({ language }) => language))].sort();
  const signs = { good: "✓", note: "•", bad: "!" };
  const checks = data.verdict.map(([level, text]) =>
    h("li", { class: level }, h("span", { "aria-hidden": "true" }, signs[level]),
      h("span", { class: "hidden" }, `${level}: `), text));
  const bad = data.verdict.filter(([level]) => level === "bad").length;
  const skipped = Object.entries(data.skipped).map(([name, why]) =>
    h("li", {}, h("b", {}, name), ` ${why}`));
  const lost = { ...total.dropped, merged: total.merged_rows, rejected: total.rejected };
  const reasons = Object.entries(lost).filter(([, n]) => n);
  return [
    h("h1", {}, `${number(total.kept)} of ${counted(total.records, "record")} became
      ${counted(total.instructions, "instruction")}`),
    h("p", { class: "lead" }, `${counted(data.datasets.length, "dataset")}
      (${languages.join(", ")}) for ${Object.keys(tasks).join(", ")}, counted from the shards themselves.`),
    h("div", { class: "story" }, flow(total, tasks),
      h("section", { class: "verdict", "aria-labelledby": "checked" },
        h("h2", { id: "checked" }, bad ? `${bad} of the checks failed` : "Sound: no check failed"),
        h("ul", {}, checks),
        skipped.length > 0 &&
          h("details", {}, h("summary", {}, "datasets left out"), h("ul", {}, skipped)))),
    changes
      ? differences()
      : h("p", { class: "dim" }, "What differs from another run in the folder DIR: ",
          h("code", {}, "iepile audit --against DIR --page changes.html")),
    h("h2", {}, "Datasets"), datasetTable(),
    h("h2", {}, "Reasons"),
    table(["outcome", "number", ["meaning", "words"]],
      reasons.map(([name, n]) => [words(name), n, glossary[name] ?? ""]),
      "Why rows are not in the corpus"),
    shared("Near-duplicates", near,
      (p) => [`${p.dataset}/${p.split}`, `${p.other}/${p.other_split}`, p.records],
      () => [`Texts with a similarity of ${near.similarity} or more. `,
        link({ view: "rows", outcome: "near-duplicate" }, "Examples side by side")]),
    shared("Passages shared with tests", overlap, (p) => [`${p.dataset}/${p.split}`, p.test, p.records],
      () => `Records with ${overlap.words} words in a row of a test, or ${overlap.characters}
        characters where blanks do not part words: ${overlap.policy === "drop" ? "dropped" : "reported and kept"}.`),
  ];
}

// What dedupe reported: a row for every two splits that share texts.
function shared(title, reported, row, about) {
  if (!reported?.pairs.length) return null;
  const rows = reported.pairs.slice(0, PAIRS).map(row);
  return [h("h2", {}, title), h("p", {}, about()), table(["in", "also in", "records"], rows, title)];
}

function differences() {
  const lines = changes.rows.map(([dataset, split, figure, there, here]) =>
    [datasetLink(dataset), split, words(figure), there, here, here - there]);
  return [
    h("h2", {}, `What differs from ${changes.against}`),
    lines.length
      ? table(["dataset", "split", "figure", "there", "here", "difference"], lines, "Counts that differ")
      : h("p", {}, "Nothing: all counts are the same."),
  ];
}

// The table of datasets: found by words, sorted by its heads.
function datasetTable() {
  const share = ({ total }) => total.kept / (total.records || 1);
  const heads = [["dataset"], ["kept and dropped", "wide"], ["records", "n medium"], ["kept", "n medium"],
    ["dropped", "n"], ["instructions", "n"], ["license", "wide words"]];
  const keys = data.datasets.map((d) =>
    [d.id, share(d), d.total.records, d.total.kept, -share(d), d.total.instructions, d.terms]);
  const cells = data.datasets.map((d) => {
    const { records, kept, instructions } = d.total;
    const use = [d.use === "held-out" && "held out", d.invented && "invented"].filter(Boolean);
    const about = [d.language, d.tasks.join(" "), ...use].join(", ");
    const name = `${number(kept)} kept, ${number(records - kept)} dropped`;
    const strip = svg("svg", { width: 120, height: 10, role: "img", "aria-label": name },
      svg("title", {}, name),
      svg("rect", { width: 120, height: 10, class: kept < records ? "fill-drop" : "fill-keep" }),
      svg("rect", { width: 120 * share(d), height: 10, class: "fill-keep" }));
    return [[datasetLink(d.id), h("small", {}, about)], strip, records, kept,
      percent((records - kept) / records), instructions, d.terms];
  });
  const view = table(heads, cells, "Records and instructions by dataset");
  view.id = "datasets";
  const body = view.querySelector("tbody");
  const lines = [...body.rows];
  view.querySelectorAll("thead th").forEach((th, i) => {
    const click = () => {
      const up = th.ariaSort === "ascending" ? -1 : 1;
      for (const other of th.parentNode.cells) other.ariaSort = null;
      th.ariaSort = up > 0 ? "ascending" : "descending";
      const less = (a, b) => (keys[a][i] < keys[b][i] ? -up : keys[a][i] > keys[b][i] ? up : 0);
      body.append(...[...lines.keys()].sort(less).map((n) => lines[n]));
    };
    th.replaceChildren(h("button", { type: "button", click }, th.textContent));
  });
  const texts = lines.map((row, n) => fold(`${row.textContent} ${data.datasets[n].title}`));
  const status = h("span", { role: "status", class: "dim" });
  const input = ({ target }) => {
    const sought = fold(target.value).split(/\s+/).filter(Boolean);
    lines.forEach((row, n) => { row.hidden = !sought.every((word) => texts[n].includes(word)); });
    const found = lines.filter((row) => !row.hidden);
    status.textContent = `${found.length} of ${counted(lines.length, "dataset")}`;
  };
  const find = { type: "search", id: "find", placeholder: "name, task, license", input };
  return [h("p", { class: "controls" }, h("label", {}, "find", h("input", find)), status), view];
}

function dataset(parameters) {
  const d = datasets.get(parameters.get("dataset"));
  if (!d) return [h("h1", {}, "There is no such dataset"), link({}, "Back to the overview")];
  const { total } = d;
  const facts = {
    id: d.id,
    language: d.language,
    domain: d.domain,
    tasks: d.tasks.join(", "),
    use: d.use === "held-out" ? "held out: published as test alone" : "train",
    texts: d.invented ? "invented, in the format of the real data" : d.texts,
    [d.invented ? "license of the real data" : "license"]: d.terms,
    homepage: d.homepage && h("a", { href: d.homepage, rel: "noreferrer noopener" }, d.homepage),
    cite: d.citation,
  };
  const to = (view, name) => link({ view, dataset: d.id }, name);
  const lost = Object.keys(total.dropped).filter((reason) => total.dropped[reason]);
  const splits = Object.values(d.splits);
  const outcomes = [
    ["records", ...splits.map(({ records }) => records)],
    ...lost.map((reason) => [words(reason), ...splits.map(({ dropped }) => dropped[reason] ?? 0)]),
    ["kept", ...splits.map(({ kept }) => kept)],
  ];
  const reading = d.reading.map(([split, kind, name, n]) => [split, READING[kind], name, n]);
  const odd = Object.entries(d.odd).flatMap(([split, kinds]) =>
    Object.entries(kinds).map(([kind, n]) => [split, words(kind), n]));
  const asked = d.asked.map((row) => [`${row.task} ${row.split}`, row.instructions,
    ...["positive", "hard", "other", "pure_negative"].map((kind) => percent(row[`${kind}_share`])),
    row.asked_nothing]);
  const gain = (what, { probe, prior, low, high }) => [what, ...[probe, prior, low, high].map(percent)];
  const leak = Object.entries(d.leak).flatMap(([task, { positive, pure }]) => [
    gain(`${task}: which label occurs`, positive),
    ...(pure ? [gain(`${task}: which row has none`, pure)] : []),
  ]);
  const shares = ["positive", "hard", "other", "no positive"].map((name) => [name, "n"]);
  const classes = (counts) => counts.map((_, i) => (i < counts.length - 1 ? `${i}` : `${i} or more`));
  const charts = [
    ...Object.entries(d.labels).map(([task, own]) =>
      bars(`${task}: records by label (${own.length} of ${counted(d.n_labels[task], "label")})`, own)),
    ...Object.entries(d.positives).map(([task, counts]) =>
      histogram(`${task}: records by number of labels`, classes(counts), counts)),
    histogram("Records by characters of text", data.lengths.map((n) => `from ${number(n)}`), d.lengths),
  ];
  return [
    h("h1", {}, d.title),
    h("p", { class: "lead" }, `${number(total.kept)} of ${counted(total.records, "record")} kept,
      ${counted(total.instructions, "instruction")}. Read `,
      to("instructions", "instructions"), ", ", to("rows", "rows"), ", ", to("labels", "its labels elsewhere")),
    h("dl", { class: "facts" }, Object.entries(facts).map(([name, value]) =>
      value ? h("div", {}, h("dt", {}, name), h("dd", {}, value)) : null)),
    d.note ? h("p", { class: "lead note" }, d.note) : null,
    h("h2", {}, "Records"), flow(total, d.by_task),
    table(["outcome", ...Object.keys(d.splits)], outcomes, "Records by split"),
    reading.length > 0 &&
      table(["split", "in reading", ["what", "words"], "number"], reading, "Repaired and left out in reading"),
    odd.length > 0 && table(["split", "odd annotation", "found"], odd, "Odd annotations"),
    h("h2", {}, "Instructions"),
    table(["task and split", "rows", ...shares, "records asked nothing"], asked, "Labels asked, by kind"),
    leak.length > 0 &&
      table(["from the labels alone", ["precision", "n"], ["by frequency", "n"], ["gain", "n"], ["to", "n"]],
        leak, "Do the labels asked give answers away? Average precision, 95 % interval of the gain"),
    h("h2", {}, "Labels and lengths"), h("div", { class: "charts" }, charts),
    Object.entries(d.near).map(([task, links]) =>
      table(["label", ["nearest labels", "words"]],
        links.map(([label, near]) => [label, near.join(", ") || "none"]),
        `${task}: the nearest labels, from which hard negatives come`)),
  ];
}

// The address decides what is shown: #dataset=ID, or #view=NAME and its filters.
const views = { overview, dataset, instructions, rows, labels };
function route(event) {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const view = parameters.get("view") ?? (parameters.has("dataset") ? "dataset" : "overview");
  const draw = Object.hasOwn(views, view) ? views[view] : overview;
  main.replaceChildren(...draw(parameters).flat(9).filter(Boolean));
  document.title = `${main.querySelector("h1").textContent} – Audit of the corpus`;
  for (const a of document.querySelectorAll("nav a")) {
    const shown = (new URLSearchParams(a.hash.slice(1)).get("view") ?? "overview") === view;
    a.ariaCurrent = shown ? "page" : null;
  }
  if (event?.type === "hashchange") {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
}
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
fill(document.getElementById("warning"), { hidden: !data.warning }, [h("b", {}, data.edition), ` ${data.warning}`]);
const { version, code, parameters } = data.made;
fill(document.getElementById("made"), {}, [
  h("p", {}, `Pipeline version ${version}${code ? `, digest of its code ${code}` : ""}.`),
  parameters && h("details", {}, h("summary", {}, "Parameters"), h("pre", {}, parameters)),
]);
let pixels = innerWidth;
addEventListener("resize", () => {
  if (pixels !== innerWidth) route();
  pixels = innerWidth;
});
addEventListener("hashchange", route);
route();
