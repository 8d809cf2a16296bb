// Menus of columns: a reader shows and hides what a table has; Escape or a click elsewhere closes them.

function makeColumnMenu(menu, table) {
  const boxes = [...menu.querySelectorAll("input")];
  const usual = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
  const apply = () => showColumns(table, new Set(boxes.filter((box) => box.checked).map((box) => box.value)));
  for (const button of menu.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      for (const box of boxes) box.checked = button.value === "all" || usual.has(box.value);
      apply();
    });
  }
  menu.addEventListener("change", apply);
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
    event.stopPropagation();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  return apply;
}

function showColumns(table, shown) {
  for (const cell of table.querySelectorAll("[data-col]")) {
    const always = cell.dataset.col === "candidate" || cell.dataset.col === "language" || "beside" in cell.dataset;
    cell.classList.toggle("out", !always && !shown.has(cell.dataset.col));
    cell.classList.remove("extra");
  }
  const count = [...table.tHead.rows[0].cells].filter((cell) => !cell.classList.contains("out")).length;
  for (const row of table.tBodies[0].rows) {
    const wide = row.querySelector("td[colspan]");
    if (wide) wide.colSpan = count - [...row.cells].filter((c) => c !== wide && !c.classList.contains("out")).length;
  }
}
