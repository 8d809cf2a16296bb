// The table of languages of the chosen candidate: sort, filter, compare with a second one, details by row.

const languageTable = byId("language-table");
const BESIDE = ["verdict", "drop", "interval", "candidate", "latency"];
let showLanguageColumns = () => {};

function startLanguages(choose) {
  byId("candidate-choice").addEventListener("change", (event) => choose(Number(event.target.value)));
  byId("beside-choice").addEventListener("change", (event) =>
    choose(state.candidate, event.target.value === "" ? null : Number(event.target.value)));
  byId("language-filter").addEventListener("input", (event) => {
    state.languages = event.target.value;
    filterLanguages();
  });
  byId("verdict-filter").addEventListener("change", (event) => {
    const boxes = event.currentTarget.querySelectorAll(":checked");
    state.verdicts = new Set([...boxes].map((box) => box.value));
    filterLanguages();
  });
  showLanguageColumns = makeColumnMenu(byId("language-columns"), languageTable);
  makeSortable(languageTable, sortLanguages);
  startRowDetails();
}

function sortLanguages(key, descending) {
  state.sort = { key, descending };
  showLanguages();
}

function showLanguages() {
  const candidate = data.candidates[state.candidate];
  const beside = state.beside === null ? null : data.candidates[state.beside];
  byId("chosen-name").replaceChildren(nameOf(candidate));
  byId("chosen-status").replaceChildren(statusOf(candidate));
  byId("strip-ends").textContent = candidate.strip_ends;
  byId("candidate-choice").value = state.candidate;
  byId("beside-choice").value = state.beside ?? "";
  showBesideHeadings(beside);
  const rows = sortedBy(candidate.rows, sortValue(beside), state.sort.descending);
  languageTable.tBodies[0].replaceChildren(...(rows.length ? rows.map((row) => lineOf(row, beside)) : [failure(candidate)]));
  showLanguageColumns();
  filterLanguages();
}

function sortValue(beside) {
  const { key } = state.sort;
  if (key === "language") return (row) => data.languages[row.language].name;
  if (!key.startsWith("beside ")) return (row) => row.values[columnAt(key)];
  return (row) => rowOf(beside, row.language)?.values[columnAt(key.slice(7))];
}

const columnAt = (key) => data.columns.findIndex((column) => column.key === key);

const rowOf = (candidate, language) => candidate?.rows.find((row) => row.language === language);

function lineOf(row, beside) {
  const head = element("th", { scope: "row" }, data.languages[row.language].name);
  const cells = data.columns.map((column, index) => cellOf(row, column, index));
  const other = rowOf(beside, row.language);
  // The second candidate stands beside the interval of the first.
  if (beside !== null) cells.splice(columnAt("interval") + 1, 0, ...BESIDE.map((key) => besideCell(other, key)));
  return element("tr", { "data-language": row.language, "data-verdict": row.verdict ?? "" }, head, ...cells);
}

function cellOf(row, column, index) {
  const attributes = {
    "data-col": column.key,
    class: column.numeric ? "number" : column.key === "reason" ? "why" : "",
  };
  return element("td", attributes, ...contentOf(row, column.key, row.texts[index]));
}

function contentOf(row, key, text) {
  if (key === "verdict" && text !== "reference") return [verdictBadge(row.verdict)];
  if (key === "interval" && row.interval) return [stripOf(row, data.candidates[state.candidate].limit), element("span", { class: "range" }, text)];
  if (key === "drop") return [element("button", { type: "button", class: "peek", tabindex: "-1" }, text)];
  return [text];
}

function besideCell(row, key) {
  const attributes = { "data-col": `beside ${key}`, "data-beside": true, class: key === "verdict" ? "" : "number" };
  if (!row) return element("td", attributes, "n/a");
  const text = row.texts[columnAt(key)];
  return element("td", attributes, ...(key === "drop" ? [text] : contentOf(row, key, text)));
}

function showBesideHeadings(beside) {
  const headings = languageTable.tHead.rows[0];
  for (const old of headings.querySelectorAll("[data-beside]")) old.remove();
  if (beside === null) {
    if (state.sort.key.startsWith("beside ")) {
      state.sort = { key: "drop", descending: true };
      markSorted(languageTable, "drop", "descending");
    }
    return;
  }
  const next = headings.querySelector("[data-col='interval']").nextElementSibling;
  for (const key of BESIDE) {
    const { title, numeric } = data.columns[columnAt(key)];
    const text = key === "candidate" ? data.words.quality : title;
    next.before(element("th", {
      scope: "col", "data-col": `beside ${key}`, "data-beside": true, class: `sortable${numeric ? " number" : ""}`,
    }, element("span", { class: "whose", title: beside.name }, beside.name), ` ${text}`));
  }
  makeSortable(languageTable, sortLanguages);
  if (state.sort.key.startsWith("beside ")) {
    markSorted(languageTable, state.sort.key, state.sort.descending ? "descending" : "ascending");
  }
}

function failure(candidate) {
  const why = candidate.note || "no reason was recorded";
  const text = `${candidate.status[0].toUpperCase()}${candidate.status.slice(1)}: ${why}`;
  return element("tr", {}, element("td", { class: "aside", colspan: 1 + data.columns.length }, text));
}

// "th" finds Thai, or a pair with it on either side, by its tag or by the start of a word; a comma separates several.
function fitsQuery(language, query) {
  const wanted = query.split(",").map(folded).filter(Boolean);
  if (!wanted.length) return true;
  const tag = language.tag.toLowerCase();
  const sides = [tag, ...tag.split("→")];
  const words = folded(language.name).split(/[^\p{L}\p{N}]+/u);
  const name = folded(language.name);
  return wanted.some((part) =>
    sides.some((side) => side === part || side.startsWith(`${part}-`)) || words.some((word) => word.startsWith(part)) || name.startsWith(part));
}

function filterLanguages() {
  const byName = data.languages.map((language) => fitsQuery(language, state.languages));
  const { rows } = data.candidates[state.candidate];
  const judged = data.candidates[state.candidate].status !== "baseline";
  const fits = [...byName];
  for (const row of rows) {
    fits[row.language] &&= !judged || state.verdicts.has(row.verdict ?? "inconclusive");
  }
  for (const line of languageTable.tBodies[0].rows) {
    if ("language" in line.dataset) line.classList.toggle("out", !fits[line.dataset.language]);
  }
  for (const cell of byId("drop-grid")?.querySelectorAll("[data-language]") ?? []) {
    cell.classList.toggle("out", !fits[cell.dataset.language]);
  }
  const shown = rows.filter((row) => fits[row.language]).length;
  const none = rows.length && !shown ? `: no ${data.words.language} fits the filters` : "";
  byId("language-count").textContent = `${shown} of ${plural(rows.length, data.words.language)}${none}`;
  keepOneStop(peeks());
  keepGridStop();
}

const peeks = () => [...languageTable.tBodies[0].querySelectorAll("tr:not(.out) .peek")];

// One stop of the Tab key for all rows; the arrow keys go from row to row.
function keepOneStop(stops) {
  if (stops.some((stop) => stop.tabIndex === 0)) return;
  for (const peek of languageTable.querySelectorAll(".peek")) peek.tabIndex = -1;
  if (stops.length) stops[0].tabIndex = 0;
}

function startRowDetails() {
  const body = languageTable.tBodies[0];
  const shownFor = (target) => {
    const line = target.closest("tr[data-language]");
    if (!line) return null;
    const other = target.closest("[data-beside]") ? data.candidates[state.beside] : null;
    const candidate = other ?? data.candidates[state.candidate];
    const row = rowOf(candidate, Number(line.dataset.language));
    return row ? [line.querySelector(other ? "[data-col='beside drop']" : ".peek"), candidate, row] : null;
  };
  body.addEventListener("pointerover", (event) => {
    const shown = event.pointerType === "touch" ? null : shownFor(event.target);
    if (shown) showSoon(...shown);
  });
  body.addEventListener("pointerleave", hideSoon);
  body.addEventListener("focusin", (event) => {
    const shown = event.target.matches(".peek") ? shownFor(event.target) : null;
    if (shown) showDetail(...shown);
  });
  body.addEventListener("focusout", hideDetail);
  body.addEventListener("click", (event) => {
    const shown = shownFor(event.target);
    if (shown) showDetail(...shown);
  });
  body.addEventListener("keydown", (event) => moveAlong(event, peeks()));
}

function moveAlong(event, stops) {
  const at = stops.indexOf(event.target);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: stops.length - 1 }[event.key];
  if (at < 0 || to === undefined || !stops[to]) return;
  event.preventDefault();
  stops[at].tabIndex = -1;
  stops[to].tabIndex = 0;
  stops[to].focus();
}
