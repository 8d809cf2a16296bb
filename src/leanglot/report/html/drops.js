// The grid of drops: one stop of the Tab key, arrow keys from cell to cell, the detail on hover and on focus.

const grid = byId("drop-grid");

function startGrid(choose) {
  if (!grid) return;
  grid.setAttribute("role", "grid");
  grid.querySelector("tbody td")?.setAttribute("tabindex", "0");
  const shownFor = (cell) => {
    const candidate = data.candidates[cell.parentElement.dataset.candidate];
    const row = rowOf(candidate, Number(cell.dataset.language));
    return row ? [cell, candidate, row] : null;
  };
  grid.addEventListener("pointerover", (event) => {
    const cell = event.pointerType === "touch" ? null : event.target.closest("tbody td");
    const shown = cell && shownFor(cell);
    if (shown) showSoon(...shown);
    else hideSoon();
  });
  grid.addEventListener("pointerleave", hideSoon);
  grid.addEventListener("focusin", (event) => {
    const shown = event.target.matches("td") ? shownFor(event.target) : null;
    if (shown) showDetail(...shown);
  });
  grid.addEventListener("focusout", hideDetail);
  grid.addEventListener("click", (event) => {
    const cell = event.target.closest("tbody td");
    if (cell) focusCell(cell);
  });
  grid.addEventListener("keydown", (event) => {
    const cell = event.target.closest("tbody td");
    if (!cell) return;
    if (event.key === "Enter") choose(Number(cell.parentElement.dataset.candidate));
    const next = neighbourOf(cell, event.key);
    if (!next) return;
    event.preventDefault();
    focusCell(next);
  });
}

function focusCell(cell) {
  for (const other of grid.querySelectorAll("td[tabindex]")) other.removeAttribute("tabindex");
  cell.tabIndex = 0;
  cell.focus();
}

function neighbourOf(cell, key) {
  const open = (node) => node.tagName === "TD" && !node.classList.contains("out");
  const cells = [...cell.parentElement.cells].filter(open);
  const at = cells.indexOf(cell);
  const along = { ArrowLeft: cells[at - 1], ArrowRight: cells[at + 1], Home: cells[0], End: cells.at(-1) }[key];
  if (along) return along;
  if (key !== "ArrowUp" && key !== "ArrowDown") return null;
  const rows = [...grid.tBodies[0].rows].filter((row) => !row.classList.contains("out"));
  const row = rows[rows.indexOf(cell.parentElement) + (key === "ArrowDown" ? 1 : -1)];
  return row?.cells[cell.cellIndex] ?? null;
}

// What is filtered out must not hold the grid's only stop.
function keepGridStop() {
  if (!grid) return;
  const stop = grid.querySelector("td[tabindex]");
  if (stop && !stop.classList.contains("out") && !stop.parentElement.classList.contains("out")) return;
  stop?.removeAttribute("tabindex");
  grid.querySelector("tbody tr:not(.out) td:not(.out)")?.setAttribute("tabindex", "0");
}
