// Every table.sortable becomes sortable and filterable by DataTables (vendor/), which reads the table as it stands.
const FEW = 4; // rows: fewer need no filter

function isPlain(table) {
  // DataTables wants as many cells in each row as there are columns.
  const columns = Math.max(0, ...[...table.tHead.rows].map((row) => [...row.cells].reduce((n, cell) => n + cell.colSpan, 0)));
  return [...table.tBodies].every((body) => [...body.rows].every((row) =>
    row.cells.length === columns && [...row.cells].every((cell) => cell.colSpan === 1 && cell.rowSpan === 1)));
}

function leadingNumber(cell) {
  // "87.5[81.2, 92.6]" sorts as 87.5, "1,296" as 1296, and "–", which is nothing, as nothing.
  const found = /^\s*[-+−]?[\d,]*\.?\d+/.exec(cell.textContent);
  return found ? found[0].replaceAll(",", "").replace("−", "-").trim() : "";
}

function giveNumbers(table) {
  // DataTables looks for data-sort in the first row alone; here only some cells of a column may have it.
  for (const row of table.tBodies[0].rows) {
    for (const cell of row.cells) {
      if (cell.classList.contains("num")) cell.dataset.sort ??= leadingNumber(cell);
    }
  }
}

function addFilter(table) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  label.className = "filter";
  label.append("Filter rows ", input);
  input.type = "search";
  input.addEventListener("input", () => enhance(table).search(input.value).draw());
  (table.closest(".scroll") ?? table).before(label);
}

const enhanced = new WeakMap();

function enhance(table) {
  if (!enhanced.has(table)) enhanced.set(table, made(table));
  return enhanced.get(table);
}

function made(table) {
  giveNumbers(table);
  for (const row of [...table.tHead.rows].slice(0, -1)) row.dataset.dtOrder = "disable"; // heads of several columns
  // A link in a head leads somewhere, and does not sort as well.
  for (const link of table.tHead.querySelectorAll("a")) link.addEventListener("click", (event) => event.stopPropagation());
  return new DataTable(table, {
    paging: false, info: false, autoWidth: false, order: [],
    layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
    columnDefs: [{ targets: "num", type: "num", orderSequence: ["desc", "asc", ""] }],
    language: { zeroRecords: "No row fits the filter.", emptyTable: "No rows." },
  });
}

// A table is enhanced when it comes near the window: a page has dozens, most of them far down or folded away. Its
// filter is there from the start, so that nothing moves under the reader.
DataTable.ext.errMode = "throw"; // and never an alert
const nearing = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) {
    if (!isIntersecting) continue;
    nearing.unobserve(target);
    enhance(target);
  }
}, { rootMargin: "600px" });
for (const table of document.querySelectorAll("table.sortable")) {
  if (!table.tHead || !table.tBodies[0]?.rows.length || !isPlain(table)) continue;
  if (table.tBodies[0].rows.length >= FEW) addFilter(table);
  nearing.observe(table);
}
