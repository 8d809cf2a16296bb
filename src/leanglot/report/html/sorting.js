// Sorts tables by their headings: numbers by value, texts by the reader's alphabet, what is absent always last.

const alphabet = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function compared(a, b, descending) {
  const lacks = (value) => value === null || value === undefined;
  if (lacks(a) || lacks(b)) return lacks(a) - lacks(b);
  const order = typeof a === "number" && typeof b === "number" ? a - b : alphabet.compare(a, b);
  return descending ? -order : order;
}

function sortedBy(items, value, descending) {
  return [...items].sort((a, b) => compared(value(a), value(b), descending));
}

// Puts a button into each heading; `chosen` is called with the column's key and the direction.
function makeSortable(table, chosen) {
  for (const heading of table.tHead.querySelectorAll("th.sortable")) {
    if (heading.querySelector("button")) continue;
    const button = element("button", { type: "button", class: "sort" });
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const before = heading.getAttribute("aria-sort");
      const first = heading.classList.contains("number") ? "descending" : "ascending";
      const other = first === "descending" ? "ascending" : "descending";
      const direction = before === first ? other : first;
      markSorted(table, heading.dataset.col, direction);
      chosen(heading.dataset.col, direction === "descending");
    });
  }
}

function markSorted(table, key, direction) {
  for (const heading of table.tHead.querySelectorAll("th[aria-sort]")) heading.removeAttribute("aria-sort");
  table.tHead.querySelector(`th[data-col="${CSS.escape(key)}"]`)?.setAttribute("aria-sort", direction);
}
