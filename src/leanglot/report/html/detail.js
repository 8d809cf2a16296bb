// The detail of one language of one candidate: shown on hover and on focus, kept while pointed at, closed by Escape.

const detail = byId("detail");
let owner = null;
let timer = null;

function showDetail(anchor, candidate, row) {
  clearTimeout(timer);
  if (owner === anchor && !detail.hidden) return;
  hideDetail();
  owner = anchor;
  detail.replaceChildren(...detailOf(candidate, row));
  detail.hidden = false;
  anchor.setAttribute("aria-describedby", "detail");
  place(anchor.getBoundingClientRect());
}

function hideDetail() {
  clearTimeout(timer);
  owner?.removeAttribute("aria-describedby");
  owner = null;
  detail.hidden = true;
}

const showSoon = (...shown) => {
  clearTimeout(timer);
  timer = setTimeout(() => showDetail(...shown), 90);
};

const hideSoon = () => {
  clearTimeout(timer);
  timer = setTimeout(hideDetail, 160);
};

function detailOf(candidate, row) {
  const text = (key) => row.texts[columnAt(key)];
  const compared = row.interval !== null;
  const facts = [
    [compared ? "Drop" : null, `${text("drop")} points, ${text("interval")} (${data.level})`],
    [compared ? "Upper bound" : null, `${text("bound")} against the margin of ${data.margin_text}`],
    [data.words.quality, compared ? `${text("candidate")}, was ${text("baseline")}` : text("candidate")],
    [data.words.examples, text("groups") === "none" ? text("examples") : `${text("examples")} in ${text("groups")} groups`],
    [row.verdict === "inconclusive" ? "To settle it" : null, text("settle")],
  ].filter(([title]) => title !== null);
  return [
    element("p", { class: "detail-head" },
      element("strong", {}, data.languages[row.language].name), " ",
      candidate.status === "baseline" ? statusOf(candidate) : verdictBadge(row.verdict)),
    element("p", { class: "aside" }, nameOf(candidate)),
    compared ? pictureOf(row) : null,
    row.reason ? element("p", { class: "reason" }, row.reason) : null,
    element("dl", {}, ...facts.flatMap(([title, fact]) => [element("dt", {}, title), element("dd", {}, fact)])),
  ].filter((part) => part !== null);
}

// Below what it tells of, or above where there is more room; never over it.
function place(around) {
  const { clientWidth, clientHeight } = document.documentElement;
  const gap = 6;
  const below = clientHeight - around.bottom - 2 * gap;
  const above = around.top - 2 * gap;
  detail.style.maxHeight = "none";
  const fits = detail.offsetHeight <= below || below >= above;
  detail.style.maxHeight = `${Math.max(fits ? below : above, 80)}px`;
  detail.style.left = `${Math.max(8, Math.min(around.left, clientWidth - detail.offsetWidth - 8))}px`;
  detail.style.top = `${fits ? around.bottom + gap : Math.max(gap, around.top - gap - detail.offsetHeight)}px`;
}

function startDetail() {
  detail.addEventListener("pointerenter", () => clearTimeout(timer));
  detail.addEventListener("pointerleave", hideSoon);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hideDetail();
  });
  addEventListener("scroll", (event) => {
    if (owner && !detail.contains(event.target)) place(owner.getBoundingClientRect());
  }, { capture: true, passive: true });
}
