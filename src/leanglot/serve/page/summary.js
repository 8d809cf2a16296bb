// What the page says first: the answer in a sentence, the totals, and what the monitor noticed.

const nameIn = (data, tag) => (Object.hasOwn(data.names, tag) ? data.names[tag] : tag);

const openAlerts = (data) => data.snapshot.alerts.filter((alert) => alert.ended_at === null);

const distinct = (items) => [...new Set(items)];

function headlineOf(data) {
  const { languages, predictions } = data.snapshot;
  const open = distinct(openAlerts(data).map((alert) => nameIn(data, alert.language)));
  if (open.length) return `Open alert${openAlerts(data).length === 1 ? "" : "s"}: ${listed(open)}`;
  const healths = Object.values(languages).map((language) => language.health);
  if (predictions === 0 || healths.length === 0) return "No predictions yet";
  const quiet = healths.filter((health) => health === "quiet").length;
  if (quiet === healths.length) return quiet === 1 ? `No alert: the ${PLACE} is quiet` : `No alert: all ${quiet} ${PLACE}s are quiet`;
  if (quiet === 0) return `No alert, and no ${PLACE} that can be judged yet`;
  const rest = healths.length - quiet;
  return `No alert: ${quiet} of ${healths.length} ${PLACE}s ${quiet === 1 ? "is" : "are"} quiet, ${rest} cannot be judged yet`;
}

const hourSpark = sparkline();

function startSummary() {
  byId("hour-spark").append(hourSpark.node);
  const request = `{"texts": ["Turn on the light"], ${worded(`"languages": ["en"]`, `"source": "en", "target": "de"`)}}`;
  const address = new URL(worded("predict", "translate"), location.href).href;
  byId("example").textContent = `curl ${address} \\\n  -H 'Content-Type: application/json' \\\n  -d '${request}'`;
}

function showSummary(data) {
  const { snapshot } = data;
  const open = openAlerts(data).length;
  const headline = headlineOf(data);
  put(byId("name"), snapshot.name);
  put(byId("headline"), headline);
  const title = `${open ? `(${open}) ` : ""}${snapshot.name || "leanglot"} monitor`;
  if (document.title !== title) document.title = title;
  showTiles(data, open);
  showNotes(snapshot);
}

function showTiles(data, open) {
  const { snapshot } = data;
  const hour = snapshot.per_minute.reduce((sum, count) => sum + count, 0);
  put(byId("total"), whole.format(snapshot.predictions));
  put(byId("total-aside"), snapshot.began === null ? "none so far" : `since ${moment(snapshot.began)}`);
  put(byId("hour"), whole.format(hour));
  hourSpark.update(snapshot.per_minute);
  put(byId("hour-aside"), `${whole.format(snapshot.per_minute.at(-1) ?? 0)} in the newest minute`);
  const healths = Object.values(snapshot.languages).map((language) => language.health);
  put(byId("count"), whole.format(healths.length));
  const parts = Object.keys(HEALTHS).map((health) => [health, healths.filter((each) => each === health).length]);
  put(byId("count-aside"), parts.filter(([, number]) => number).map(([health, number]) => `${number} ${health}`).join(", ") || "none seen");
  put(byId("alert-count"), whole.format(open));
  mark(byId("alert-count"), "class", open ? "some" : "");
  put(byId("alert-aside"), `chance of any false one, ever: ${chanceOf(snapshot.alpha)}`);
}

function showNotes(snapshot) {
  const counters = Object.entries(snapshot.counters).filter(([, number]) => number);
  show(byId("notes-section"), Boolean(snapshot.notes.length || counters.length));
  const list = byId("notes-list");
  while (list.children.length > snapshot.notes.length) list.lastElementChild.remove();
  while (list.children.length < snapshot.notes.length) list.append(element("li"));
  snapshot.notes.forEach((note, index) => put(list.children[index], note));
  putFacts(byId("counters"), counters.map(([name, number]) => [name.replaceAll("_", " "), whole.format(number)]));
}
