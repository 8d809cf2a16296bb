// One language: a body of the table with its row, and its details below once they are asked for.

const COLUMNS = [
  { key: "language", title: worded("Language", "Pair"), numeric: false },
  { key: "health", title: "Health", numeric: false, value: (row) => HEALTHS[row.language.health].rank },
  { key: "volume", title: "Last hour", numeric: true, value: (row) => row.language.last_hour },
  { key: "p50", title: "p50 ms", numeric: true, about: "Median latency of the last hour", value: (row) => row.language.latency.p50 },
  { key: "p95", title: "p95 ms", numeric: true, about: "95th percentile of the latency of the last hour", value: (row) => row.language.latency.p95 },
  { key: "p99", title: "p99 ms", numeric: true, about: "99th percentile of the latency of the last hour", value: (row) => row.language.latency.p99 },
  { key: "accuracy", title: QUALITY, numeric: true, about: worded("Of the newest 1,000 labelled predictions, with its 95% interval", "Share of the newest 1,000 translations with a reference whose chrF reaches the judged median, with its 95% interval"), value: (row) => row.language.accuracy.value },
  { key: "estimate", title: "Estimate", numeric: true, about: worded("Accuracy estimated from the confidence", "The same share, estimated from the confidence"), value: (row) => row.language.estimate.value },
  { key: "drop", title: "Findable drop", numeric: true, about: worded("Smallest drop of accuracy that would have been found by now", "Smallest fall of that share that would have been found by now"), value: (row) => row.language.detectable_drop },
  { key: "flips", title: "Flips", numeric: true, about: worded("Answers that differ from the baseline model's", "Translations of which one shows a failure that the baseline model's does not, or the other way round"), value: (row) => row.language.shadow?.share.value ?? null },
];

// Cells in which an open alert of a signal shows.
const ALERTED = new Map([["accuracy", "accuracy"], ["estimate", "estimate"], ["latency", "p95"], ["traffic", "volume"]]);

let nextRow = 0;

function languageRow(tag) {
  const id = `more-${nextRow++}`;
  const name = element("bdi");
  const opener = element("button", { type: "button", class: "opener", "aria-expanded": "false" }, name);
  const cells = new Map(COLUMNS.slice(1).map((column) => [column.key, cell(column)]));
  const health = badge();
  const spark = sparkline();
  cells.get("health").main.append(health.node);
  const hour = element("span");
  cells.get("volume").main.append(spark.node, hour);
  const tagText = element("bdi", { class: "sub tag", title: tame(tag) });
  const head = element("th", { scope: "row", role: "rowheader", "data-col": "language" }, opener, tagText);
  const line = element("tr", { role: "row" }, head, ...[...cells.values()].map((each) => each.node));
  const row = { tag, body: element("tbody", { role: "rowgroup" }, line), name, tagText, opener, id, cells, health, spark, hour, details: null, language: null };
  line.addEventListener("click", (event) => {
    if (event.target.closest("button") !== opener && (event.target.closest("button") || String(getSelection()))) return;
    toggle(row);
  });
  return row;
}

function cell(column) {
  const main = element("span", { class: "main" });
  const sub = element("span", { class: "sub" });
  return { main, sub, node: element("td", { role: "cell", "data-col": column.key, "data-title": column.title.replace(" ms", ""), class: column.numeric ? "number" : "" }, main, sub) };
}

function toggle(row) {
  const opened = row.details === null;
  mark(row.opener, "aria-expanded", String(opened));
  mark(row.opener, "aria-controls", opened ? row.id : null);
  if (!opened) {
    row.body.lastElementChild.remove();
    row.details = null;
    return;
  }
  row.details = detailsOf();
  row.details.update(row.language, row.data);
  row.body.append(element("tr", { role: "row", class: "more", id: row.id },
    element("td", { role: "cell", colspan: COLUMNS.length }, row.details.node)));
}

function updateRow(row, language, data) {
  row.language = language;
  row.data = data;
  const name = nameIn(data, row.tag);
  put(row.name, name);
  put(row.tagText, tame(row.tag) === name ? "" : row.tag);
  mark(row.name, "title", name.length > 24 ? name : null);
  row.health.update(language.health);
  mark(row.health.node, "title", language.reason);
  row.spark.update(language.per_minute);
  put(row.hour, brief(language.last_hour));
  putCell(row, "volume", null, lacks(language.share) ? "none" : `${percent(language.share)} of all`);
  putLatency(row, language.latency);
  putShare(row, "accuracy", language.accuracy);
  putShare(row, "estimate", language.estimate);
  putCell(row, "drop", lacks(language.detectable_drop) ? "none yet" : points(language.detectable_drop), "", lacks(language.detectable_drop));
  const { shadow } = language;
  putCell(row, "flips", lacks(shadow) ? "no shadow" : percent(shadow.share.value), lacks(shadow) ? "" : `${brief(shadow.flips)} of ${brief(shadow.n)}`, lacks(shadow));
  markAlerted(row, data);
  row.details?.update(language, data);
}

function putCell(row, key, main, sub, absent = false) {
  const { main: first, sub: second, node } = row.cells.get(key);
  if (main !== null) put(first, main);
  put(second, sub);
  node.classList.toggle("absent", absent);
}

function putLatency(row, latency) {
  for (const key of ["p50", "p95", "p99"]) {
    const absent = lacks(latency[key]);
    putCell(row, key, absent ? "too few" : milliseconds(latency[key]), "", absent);
    mark(row.cells.get(key).node, "title", absent ? `${whole.format(latency.n)} in the last hour are too few` : null);
  }
}

function putShare(row, key, share) {
  const absent = lacks(share.value);
  const about = absent ? share.reason ?? "" : complete(share) ? `${bare(share.low)}–${bare(share.high)}, n ${brief(share.n)}` : `n ${brief(share.n)}`;
  putCell(row, key, absent ? "" : percent(share.value), absent ? about || "not told" : about, absent);
  mark(row.cells.get(key).node, "title", absent ? share.reason : null);
}

function markAlerted(row, data) {
  const signals = openAlerts(data).filter((alert) => alert.language === row.tag).map((alert) => ALERTED.get(alert.signal));
  for (const [key, { node }] of row.cells) node.classList.toggle("alerted", signals.includes(key));
}
