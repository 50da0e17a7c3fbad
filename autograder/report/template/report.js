"use strict";
// Sorts the table by a click on a column's head, and filters it by what is typed. Without it the table is whole.
const table = document.getElementById("all");
const rows = [...table.tBodies[0].rows];
const heads = [...table.tHead.rows[0].cells];
const inOrder = new Intl.Collator(undefined, { numeric: true });

const text = (row, column) => row.cells[column].textContent.trim();
const number = (value) => (value === "" || value === "–" ? -1 : Number(value));

heads.forEach((head, column) => {
  const button = document.createElement("button");
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const numeric = head.classList.contains("n");
    const compare = (a, b) => numeric
      ? number(text(a, column)) - number(text(b, column))
      : inOrder.compare(text(a, column), text(b, column));
    rows.sort((a, b) => (down ? compare(b, a) : compare(a, b)));
    table.tBodies[0].append(...rows);
  });
});

const filter = document.createElement("input");
filter.type = "search";
filter.placeholder = "Filter: a name, refused, …";
filter.setAttribute("aria-label", "Filter the students");
filter.addEventListener("input", () => {
  const wanted = filter.value.trim().toLowerCase();
  rows.forEach((row) => {
    row.hidden = !`${text(row, 0)} ${text(row, 2)}`.toLowerCase().includes(wanted);
  });
});
table.parentElement.before(filter);
