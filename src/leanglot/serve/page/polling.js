// Asks the server every two seconds, tells when it is gone and since when, and goes on when it is back.

const EVERY_MS = 2_000;
const HIDDEN_MS = 20_000;
const PATIENCE_MS = 10_000;
const TOKEN_KEY = "leanglot-token";

const locked = () => !byId("ask").hidden;

const link = { heard: null, gone: null, what: "", data: null, told: 0, page: null, timer: null, asking: false };

function startPolling() {
  byId("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const token = byId("token").value.trim();
    // No header carries anything else.
    if (!/^[\x21-\x7e]+$/.test(token)) {
      put(byId("token-refused"), "A token holds letters, digits and signs of ASCII alone.");
      return;
    }
    keepToken(token);
    ask();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && !locked()) ask(); });
  setInterval(tick, 1_000);
  ask();
}

async function ask() {
  if (link.asking) return;
  link.asking = true;
  clearTimeout(link.timer);
  const answer = await answerOf(storedToken());
  link.asking = false;
  link.timer = setTimeout(ask, document.hidden ? HIDDEN_MS : EVERY_MS);
  answer();
  // Without the token the answer stays the same.
  if (locked()) clearTimeout(link.timer);
}

// What to do with the server's answer.
async function answerOf(token) {
  try {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    // Without credentials: else the browser, too, would ask for the token.
    const answer = await fetch("dashboard/data", { headers, credentials: "omit", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.status === 401) return () => askForToken(token);
    if (!answer.ok) return () => lost(`The server answers with an error (${answer.status})`);
    const data = await answer.json();
    return () => heard(data);
  } catch {
    return () => lost("The server does not answer");
  }
}

function heard(data) {
  if (link.gone !== null) put(byId("link-told"), "The server answers again.");
  Object.assign(link, { heard: Date.now(), gone: null, data, told: Date.parse(data.told_at) - Date.now() });
  link.page ??= data.page;
  mark(byId("content"), "data-told", data.told_at);
  show(byId("ask"), false);
  show(byId("content"), true);
  showSummary(data);
  showAlerts(data);
  showLanguages(data);
  tick();
}

function lost(what) {
  if (link.gone === null) {
    link.gone = link.heard ?? Date.now();
    put(byId("link-told"), `${what}.`);
  }
  link.what = what;
  if (link.data === null) put(byId("headline"), "Nothing is known yet");
  tick();
}

function askForToken(used) {
  link.gone = null;
  link.data = null;
  keepToken(null);
  put(byId("headline"), "The token is needed");
  show(byId("content"), false);
  const first = !locked();
  show(byId("ask"), true);
  if (first && document.activeElement === document.body) byId("token").focus();
  put(byId("token-refused"), used ? "The server refused this token." : "");
  tick();
}

// What changes with time alone; screen readers are told of changes, not of seconds.
function tick() {
  const gone = link.gone !== null;
  const now = Date.now();
  mark(byId("live"), "class", `live ${gone ? "lost" : locked() || link.data === null ? "waiting" : "well"}`);
  put(byId("live-word"), gone ? "Not live" : locked() ? "Locked" : link.data === null ? "Connecting" : "Live");
  const newest = link.data?.snapshot.newest ?? null;
  put(byId("live-aside"), newest === null ? "" : `newest prediction ${moment(newest, true)}, ${ago(newest, now + link.told)}`);
  const updated = link.page !== null && link.data !== null && link.data.page !== link.page;
  show(byId("bar"), gone || updated);
  document.documentElement.classList.toggle("stale", gone);
  if (gone) {
    put(byId("bar-what"), `${link.what} since ${moment(link.gone, true)}`);
    put(byId("bar-since"), `(${span((now - link.gone) / 1_000)}).${link.data === null ? "" : " What you see is from then."} Trying again every ${EVERY_MS / 1_000} s.`);
  } else if (updated) {
    put(byId("bar-what"), "The server has another version of this page.");
    put(byId("bar-since"), "Reload to see it.");
  }
}

function storedToken() {
  try {
    return sessionStorage.getItem(TOKEN_KEY);
  } catch {
    return link.token ?? null;
  }
}

// Without storage, as in some private windows, the token lives as long as the page.
function keepToken(token) {
  link.token = token;
  try {
    if (token === null) sessionStorage.removeItem(TOKEN_KEY);
    else sessionStorage.setItem(TOKEN_KEY, token);
  } catch {
    byId("token").value = "";
  }
}
