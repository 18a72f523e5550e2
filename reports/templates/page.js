"use strict";
// The page is complete without this script; it only adds sorting and filtering.
for (const table of document.querySelectorAll("table.sortable")) {
  const head = table.tHead.rows[table.tHead.rows.length - 1];
  [...head.cells].forEach((cell, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.title = "Sort by this column";
    button.textContent = "↕";
    button.setAttribute("aria-label", "Sort by " + cell.textContent.trim());
    button.addEventListener("click", () => sort(table, head, column));
    cell.append(button);
  });
}

function value(row, column) {
  const cell = row.cells[column];
  if (!cell) return -Infinity;
  const text = cell.dataset.sort ?? cell.textContent.trim();
  const number = parseFloat(text);
  return column === 0 ? cell.textContent.trim().toLowerCase() : Number.isNaN(number) ? -Infinity : number;
}

function sort(table, head, column) {
  const cell = head.cells[column];
  const down = cell.ariaSort ? cell.ariaSort === "ascending" : column > 0;
  for (const other of head.cells) other.removeAttribute("aria-sort");
  cell.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map((row) => [value(row, column), row]);
  rows.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1));
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

const FILTERS = {
  status: ["status", "parsed", "ambiguous", "unparsed", "refused", "truncated", "failed"],
  verdict: ["right or wrong", "right", "wrong"],
  contradiction: ["contradiction", "yes", "no"],
};
const names = [...document.querySelectorAll(".legend")].slice(0, 1).flatMap((list) =>
  [...list.querySelectorAll(".model")].map((model) => model.textContent.trim()));

for (const gallery of document.querySelectorAll("[data-gallery]")) {
  const bar = document.createElement("div");
  bar.className = "filters";
  const wanted = {};
  const count = document.createElement("output");
  const add = (key, options) => {
    const select = document.createElement("select");
    select.setAttribute("aria-label", "Show answers by " + key);
    options.forEach(([text, value]) => select.add(new Option(text, value)));
    select.addEventListener("change", () => { wanted[key] = select.value; show(gallery, wanted, count); });
    bar.append(select);
  };
  add("model", [["all models", ""], ...names.map((name, place) => [name, String(place)])]);
  for (const [key, [all, ...rest]] of Object.entries(FILTERS)) add(key, [["any " + all, ""], ...rest.map((x) => [x, x])]);
  bar.append(count);
  gallery.querySelector("summary").after(bar);
}

function show(gallery, wanted, count) {
  let shown = 0;
  for (const card of gallery.querySelectorAll(".card")) {
    let any = false;
    for (const reply of card.querySelectorAll(".replies > li")) {
      const fits = Object.entries(wanted).every(([key, want]) => !want || reply.dataset[key] === want);
      reply.hidden = !fits;
      any ||= fits;
      shown += fits;
    }
    card.hidden = !any;
  }
  count.textContent = shown + (shown === 1 ? " answer" : " answers");
}
