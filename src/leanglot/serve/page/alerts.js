// The alerts: what, since when, how sure, what to do. A new one is told once to who cannot see it.

const FIRST_ALERTS = 4;
const alertItems = new Map();
let knownOpen = null;
let allShown = false;

function startAlerts() {
  byId("all-alerts").addEventListener("click", () => {
    allShown = !allShown;
    showMoreButton();
  });
}

function alertItem() {
  const whose = element("bdi", { class: "whose" });
  const sign = element("span", { "aria-hidden": "true" });
  const signal = element("span", { class: "signal" });
  const since = element("span", { class: "aside since" });
  const what = element("bdi");
  const numbers = element("span");
  const picture = element("span", { class: "picture" });
  const sure = element("span", { class: "aside" });
  const advice = element("bdi");
  const node = element("li", {},
    element("h3", {}, element("span", { class: "health alarmed" }, sign, " ", whose), " ", signal, since),
    element("p", {}, what),
    element("p", { class: "change" }, numbers, picture, sure),
    element("p", {}, element("strong", {}, "What to do:"), " ", advice));
  let shown = "";
  return {
    node,
    update(alert, data) {
      const state = JSON.stringify(alert) + nameIn(data, alert.language);
      if (state !== shown) fillAlert({ node, sign, whose, signal, since, what, numbers, picture, sure, advice }, alert, data);
      shown = state;
    },
  };
}

function fillAlert(parts, alert, data) {
  const ended = alert.ended_at !== null;
  mark(parts.node, "class", ended ? "over" : "");
  put(parts.sign, ended ? "✓" : "!");
  put(parts.whose, alert.language === "*" ? `All ${PLACE}s` : nameIn(data, alert.language));
  put(parts.signal, signalName(alert.signal));
  parts.since.replaceChildren(...(ended
    ? [timeOf(alert.since), " to ", timeOf(alert.ended_at)]
    : ["since ", timeOf(alert.since), ", found ", timeOf(alert.found_at)]));
  put(parts.what, alert.message);
  const change = lacks(alert.now) || lacks(alert.baseline) ? null : alert.now - alert.baseline;
  put(parts.numbers, `${signed(change)} points (${signed(alert.low)} to ${signed(alert.high)})`);
  const drawable = ![change, alert.low, alert.high].some(lacks);
  parts.picture.replaceChildren(...(drawable ? [intervals([{ low: alert.low, high: alert.high, value: change, style: "alarmed" }], 0, 120)] : []));
  put(parts.sure, `n ${whole.format(alert.n)}, false alarm: ${chanceOf(alert.chance)}`);
  put(parts.advice, alert.advice);
}

function showAlerts(data) {
  const items = new Map(data.snapshot.alerts.map((alert) => [alert.id, alert]));
  for (const id of alertItems.keys()) if (!items.has(id)) alertItems.delete(id);
  for (const [id, alert] of items) {
    if (!alertItems.has(id)) alertItems.set(id, alertItem());
    alertItems.get(id).update(alert, data);
  }
  const nodes = (ended) => [...items.values()].filter((alert) => (alert.ended_at !== null) === ended).map((alert) => alertItems.get(alert.id).node);
  arrange(byId("open-alerts"), nodes(false));
  arrange(byId("ended-alerts"), nodes(true));
  show(byId("alert-section"), items.size > 0);
  show(byId("ended"), nodes(true).length > 0);
  put(byId("ended-summary"), counted(nodes(true).length, "ended alert"));
  showMoreButton();
  tellChanges(data);
}

function showMoreButton() {
  const list = byId("open-alerts");
  const number = list.children.length;
  const button = byId("all-alerts");
  mark(list, "class", allShown ? "alert-list all" : "alert-list");
  show(button, number > FIRST_ALERTS);
  mark(button, "aria-expanded", String(allShown));
  put(button, allShown ? `Show the newest ${FIRST_ALERTS} alone` : `Show all ${number} open alerts`);
}

// Shows an alert that another part of the page points to, and puts the focus there.
function goToAlert(id) {
  const node = alertItems.get(id)?.node;
  if (!node) return;
  if (node.parentElement.id === "ended-alerts") byId("ended").open = true;
  else allShown = true;
  showMoreButton();
  node.tabIndex = -1;
  node.focus();
}

function tellChanges(data) {
  const open = new Map(openAlerts(data).map((alert) => [alert.id, alert]));
  const before = knownOpen;
  knownOpen = open;
  if (before === null) return;
  const opened = [...open.values()].filter((alert) => !before.has(alert.id));
  const ended = [...before.values()].filter((alert) => !open.has(alert.id));
  const names = (alerts) => alerts.map((alert) => `${nameIn(data, alert.language)}, ${signalName(alert.signal)}`);
  const told = [];
  if (opened.length) told.push(`New alert${opened.length === 1 ? "" : "s"}: ${listed(names(opened))}.`);
  if (ended.length) told.push(`No longer open: ${listed(names(ended))}.`);
  if (told.length) put(byId("told"), told.join(" "));
}
