"use strict";
// Search, filters and sorting of the audit page. It only hides, shows and moves what is there.
const STEP = 40;
const form = document.getElementById("filters");
const more = document.getElementById("more");
const articles = [...document.querySelectorAll("#list > article")];
const fold = (text) => text.normalize("NFKC").toLowerCase();
let texts = null;
let shown = STEP;

function filter() {
  texts ??= articles.map((article) => fold(article.textContent));
  const words = fold(form.elements.q.value).split(/\s+/).filter(Boolean);
  const chosen = ["dataset", "outcome", "split", "language"].filter((name) => form.elements[name].value);
  let matches = 0;
  articles.forEach((article, i) => {
    const fits =
      chosen.every((name) => article.dataset[name] === form.elements[name].value) &&
      words.every((word) => texts[i].includes(word));
    matches += fits;
    article.hidden = !fits || matches > shown;
  });
  more.hidden = matches <= shown;
  document.getElementById("matches").textContent =
    `${matches.toLocaleString("en")} of ${articles.length.toLocaleString("en")} rows match`;
}

function restart() {
  shown = STEP;
  filter();
}

form.addEventListener("input", restart);
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => setTimeout(restart));
more.addEventListener("click", () => {
  shown += STEP;
  filter();
});
for (const button of document.querySelectorAll("[data-rows]")) {
  button.addEventListener("click", () => {
    form.reset();
    form.elements.dataset.value = button.dataset.rows;
    restart();
    document.getElementById("rows").scrollIntoView();
  });
}

// The table of datasets: find, and sort by a column.
const body = document.querySelector("#overview tbody");
const lines = [...body.rows];
const sections = lines.map((line) =>
  document.getElementById(line.querySelector("a").hash.slice(1)),
);
document.getElementById("find").addEventListener("input", (event) => {
  const words = fold(event.target.value).split(/\s+/).filter(Boolean);
  let found = 0;
  lines.forEach((line, i) => {
    const fits = words.every((word) => fold(line.textContent).includes(word));
    line.hidden = sections[i].hidden = !fits;
    found += fits;
  });
  document.getElementById("found").textContent = `${found} of ${lines.length} datasets`;
});
document.querySelectorAll("#overview thead th").forEach((head, column) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = head.textContent;
  head.replaceChildren(button);
  const numeric = head.classList.contains("n");
  const value = (line) => {
    const text = line.cells[column].textContent;
    return numeric ? parseFloat(text.replaceAll(",", "")) || 0 : text;
  };
  button.addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") === (numeric ? "descending" : "ascending");
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up === numeric ? "ascending" : "descending");
    const order = (a, b) => (numeric ? value(a) - value(b) : value(a).localeCompare(value(b)));
    const sorted = [...lines].sort(order);
    body.append(...(up === numeric ? sorted : sorted.reverse()));
  });
});

// A link to a dataset opens its section.
function open() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.hidden = false;
    target.open = true;
    target.scrollIntoView();
  }
}
addEventListener("hashchange", open);
filter();
open();
