// The table of languages: sorted, filtered, and left in peace while somebody points at it or has the focus in it.

const table = byId("health-table");
const rows = new Map();
const view = { find: "", hidden: new Set(), key: "health", descending: false };
let pointed = false;

function startLanguages() {
  readAddress();
  startHead();
  startFilters();
  table.addEventListener("pointerenter", (event) => { pointed = event.pointerType === "mouse"; });
  table.addEventListener("pointerleave", () => { pointed = false; });
  table.addEventListener("keydown", moveAlong);
}

function startHead() {
  byId("health-head").append(...COLUMNS.map((column) => element("th", {
    scope: "col", role: "columnheader", "data-col": column.key, title: column.about ?? null, class: `sortable${column.numeric ? " number" : ""}`,
  }, column.title)));
  makeSortable(table, sortBy);
  const choice = byId("sort-choice");
  choice.append(...COLUMNS.map((column) => element("option", { value: column.key }, column.title)));
  choice.addEventListener("change", () => sortBy(choice.value, COLUMNS.find((column) => column.key === choice.value).numeric));
  byId("sort-direction").addEventListener("click", () => sortBy(view.key, !view.descending));
  sortBy(view.key, view.descending);
}

function sortBy(key, descending) {
  Object.assign(view, { key, descending });
  markSorted(table, key, descending ? "descending" : "ascending");
  byId("sort-choice").value = key;
  put(byId("sort-direction"), descending ? "↓" : "↑");
  mark(byId("sort-direction"), "aria-label", descending ? "Descending; change to ascending" : "Ascending; change to descending");
  arrangeRows(true);
}

function startFilters() {
  const find = byId("find");
  find.value = view.find;
  find.addEventListener("input", () => {
    view.find = find.value;
    arrangeRows(true);
  });
  for (const [health, { sign }] of Object.entries(HEALTHS)) {
    const box = element("input", { type: "checkbox", value: health, autocomplete: "off" });
    box.checked = !view.hidden.has(health);
    byId("health-filter").append(element("label", {}, box,
      element("span", {}, element("span", { "aria-hidden": "true" }, `${sign} `), health, " ", element("span", { class: "of" }))));
    box.addEventListener("change", () => {
      if (box.checked) view.hidden.delete(health);
      else view.hidden.add(health);
      arrangeRows(true);
    });
  }
}

function showLanguages(data) {
  const languages = Object.entries(data.snapshot.languages);
  for (const tag of [...rows.keys()]) {
    if (Object.hasOwn(data.snapshot.languages, tag)) continue;
    rows.get(tag).body.remove();
    rows.delete(tag);
  }
  for (const [tag, language] of languages) {
    if (!rows.has(tag)) rows.set(tag, languageRow(tag));
    updateRow(rows.get(tag), language, data);
  }
  table.classList.toggle("no-flips", !languages.some(([, language]) => language.shadow));
  show(byId("empty"), !languages.length);
  show(byId("languages-shown"), languages.length > 0);
  for (const label of byId("health-filter").querySelectorAll("label")) {
    const health = label.querySelector("input").value;
    put(label.querySelector(".of"), String(languages.filter(([, language]) => language.health === health).length));
  }
  arrangeRows(false);
}

// Rows move and vanish under nobody's pointer or focus, unless that is what was asked for.
function arrangeRows(asked) {
  const held = !asked && (pointed || table.tBodies.length && [...table.tBodies].some((body) => body.contains(document.activeElement)));
  const known = [...table.tBodies];
  const column = COLUMNS.find((each) => each.key === view.key);
  const byName = sortedBy([...rows.values()], (row) => row.name.textContent, false);
  const sorted = column.value ? sortedBy(byName, column.value, view.descending) : view.descending ? byName.reverse() : byName;
  const bodies = sorted.map((row) => row.body);
  if (held) bodies.sort((a, b) => (known.indexOf(a) + 1 || Infinity) - (known.indexOf(b) + 1 || Infinity) || 0);
  arrange(table, [table.caption, table.tHead, ...bodies]);
  let shown = 0;
  for (const row of rows.values()) {
    const fits = fitsFind(row) && !view.hidden.has(row.language.health);
    if (!held || !known.includes(row.body)) show(row.body, fits);
    shown += row.body.hidden ? 0 : 1;
  }
  const none = rows.size && !shown ? `: no ${PLACE} fits the filters` : "";
  put(byId("shown-count"), `${shown} of ${counted(rows.size, PLACE)}${none}`);
  writeAddress();
}

// "th" finds Thai by its tag or by the start of a word; a comma separates several.
function fitsFind(row) {
  const wanted = view.find.split(",").map(folded).filter(Boolean);
  if (!wanted.length) return true;
  const name = folded(row.name.textContent);
  const words = name.split(/[^\p{L}\p{N}]+/u);
  const tag = row.tag.toLowerCase();
  return wanted.some((part) => tag === part || tag.startsWith(`${part}-`) || name.startsWith(part) || words.some((word) => word.startsWith(part)));
}

function moveAlong(event) {
  const openers = [...table.querySelectorAll("tbody:not([hidden]) .opener")];
  const at = openers.indexOf(event.target);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: openers.length - 1 }[event.key];
  if (at < 0 || to === undefined || !openers[to]) return;
  event.preventDefault();
  openers[to].focus();
}

function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  view.find = asked.get("find") ?? "";
  view.hidden = new Set((asked.get("hide") ?? "").split(",").filter((health) => Object.hasOwn(HEALTHS, health)));
  const [key, direction] = (asked.get("sort") ?? "").split(":");
  if (COLUMNS.some((column) => column.key === key)) Object.assign(view, { key, descending: direction === "down" });
}

function writeAddress() {
  const told = new URLSearchParams();
  if (view.find) told.set("find", view.find);
  if (view.hidden.size) told.set("hide", [...view.hidden].join());
  if (view.key !== "health" || view.descending) told.set("sort", `${view.key}${view.descending ? ":down" : ""}`);
  const hash = told.size ? `#${told}` : "";
  if (location.hash !== hash) history.replaceState(null, "", hash || location.pathname + location.search);
}
