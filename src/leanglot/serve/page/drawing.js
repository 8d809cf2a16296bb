// Changes what is shown only where it differs, and draws the small pictures: volume, intervals.

// Texts from outside stay on their line and in their direction: control characters and overrides become spaces.
const tame = (text) => text.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]+/gu, " ");

function put(node, given) {
  const text = tame(given);
  if (node.textContent !== text) node.textContent = text;
}

function mark(node, name, value) {
  if (value === null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

function show(node, shown) {
  if (node.hidden === shown) node.hidden = !shown;
}

// Puts nodes in this order below a parent and takes away the others; those in place already stay untouched.
function arrange(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
}

// A list of facts in a <dl>: titles and texts; null takes a fact away.
function putFacts(list, facts) {
  const told = facts.filter(([, text]) => text !== null);
  while (list.children.length > told.length) list.lastElementChild.remove();
  while (list.children.length < told.length) list.append(element("div", {}, element("dt"), element("dd")));
  told.forEach(([title, text], index) => {
    put(list.children[index].firstElementChild, title);
    put(list.children[index].lastElementChild, text);
  });
}

function badge() {
  const sign = element("span", { "aria-hidden": "true" });
  const word = element("span");
  const node = element("span", { class: "health" }, sign, " ", word);
  return {
    node,
    update(health) {
      const { sign: drawnSign, style } = HEALTHS[health];
      put(sign, drawnSign);
      put(word, health);
      mark(node, "class", `health ${style}`);
    },
  };
}

// Predictions per minute, the oldest left; its height is its own busiest minute.
function sparkline() {
  const area = drawn("path", { class: "area" });
  const line = drawn("path", { class: "line" });
  const node = drawn("svg", { class: "spark", viewBox: "0 0 60 20", preserveAspectRatio: "none", role: "img" }, area, line);
  return {
    node,
    update(counts) {
      const most = Math.max(1, ...counts);
      const step = 60 / Math.max(1, counts.length - 1);
      const way = counts.map((count, index) => `${(index * step).toFixed(1)} ${(19 - (18 * count) / most).toFixed(1)}`);
      mark(line, "d", way.length > 1 ? `M${way.join("L")}` : "");
      mark(area, "d", way.length > 1 ? `M0 20L${way.join("L")}L60 20Z` : "");
      mark(node, "aria-label", counts.length
        ? `per minute: ${whole.format(counts.at(-1))} now, at most ${whole.format(Math.max(...counts))} in the last hour`
        : "not counted");
    },
  };
}

const PITCH = 20;

// Intervals below each other on one scale, with a dashed line to compare with; values are fractions.
function intervals(rows, reference, width) {
  const values = rows.flatMap((row) => [row.low, row.high, row.value]).concat(lacks(reference) ? [] : [reference]);
  const low = Math.min(...values), high = Math.max(...values);
  const room = Math.max((high - low) * 0.08, 0.002);
  const x = (value) => (((value - low + room) / (high - low + 2 * room)) * width).toFixed(1);
  const height = PITCH * rows.length;
  return drawn("svg", { class: "intervals", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    lacks(reference) ? null : drawn("path", { class: "edge", d: `M${x(reference)} 0V${height}` }),
    ...rows.map((row, index) => {
      const y = PITCH * (index + 0.5);
      return drawn("g", { class: row.style },
        drawn("path", { class: "span", d: `M${x(row.low)} ${y}H${x(row.high)}M${x(row.low)} ${y - 4}v8M${x(row.high)} ${y - 4}v8` }),
        drawn("circle", { cx: x(row.value), cy: y, r: 3.5 }));
    }));
}
