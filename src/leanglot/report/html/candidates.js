// The table of candidates: sort, filter by name and status, choose one by a click or its link.

const candidateTable = byId("candidate-table");
const candidateRows = [...candidateTable.tBodies[0].rows];
const gridRows = [...(byId("drop-grid")?.tBodies[0].rows ?? [])];

function startCandidates(choose) {
  for (const row of candidateRows) {
    const index = Number(row.dataset.candidate);
    const link = element("a", { href: addressOf(index) });
    link.append(...row.cells[0].childNodes);
    row.cells[0].append(link);
    row.addEventListener("click", (event) => {
      if (!event.target.closest("a")) choose(index);
    });
  }
  makeSortable(candidateTable, sortCandidates);
  makeColumnMenu(byId("candidate-columns"), candidateTable)();
  byId("candidate-filter").addEventListener("input", filterCandidates);
  byId("status-filter").addEventListener("change", filterCandidates);
  filterCandidates();
}

function sortCandidates(key, descending) {
  const column = [...candidateTable.tHead.rows[0].cells].findIndex((cell) => cell.dataset.col === key);
  const values = data.candidates.map((each) => each.values[column]);
  const isNumber = values.some((value) => value !== null);
  const value = (row) => isNumber ? values[Number(row.dataset.candidate)] : textIn(row, key);
  candidateTable.tBodies[0].append(...sortedBy(candidateRows, value, descending));
}

function textIn(row, key) {
  const text = row.querySelector(`[data-col="${CSS.escape(key)}"]`)?.textContent.trim() ?? "";
  return text === "" || text.startsWith("n/a") ? null : text;
}

function filterCandidates() {
  const query = folded(byId("candidate-filter").value);
  const statuses = new Set([...byId("status-filter").querySelectorAll(":checked")].map((box) => box.value));
  const fits = data.candidates.map((each) => statuses.has(each.status) && folded(each.name).includes(query));
  for (const row of [...candidateRows, ...gridRows]) row.classList.toggle("out", !fits[row.dataset.candidate]);
  const shown = fits.filter(Boolean).length;
  keepGridStop();
  byId("candidate-count").textContent = `${shown} of ${plural(fits.length, "candidate")}`;
}

function markChosen() {
  for (const row of [...candidateRows, ...gridRows]) {
    const chosen = Number(row.dataset.candidate) === state.candidate;
    row.classList.toggle("chosen", chosen);
    const link = row.querySelector("th a");
    if (chosen) link?.setAttribute("aria-current", "true");
    else link?.removeAttribute("aria-current");
  }
}

const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();
