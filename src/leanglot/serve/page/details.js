// All that is known of one language, below its row.

function detailsOf() {
  const reason = element("p", { class: "reason" });
  const links = element("p", { class: "links" });
  const picture = element("div", { class: "compared" });
  const facts = element("dl", { class: "facts" });
  let linked = "";
  let pictured = "";
  return {
    node: element("div", { class: "details" }, reason, links, picture, facts),
    update(language, data) {
      put(reason, language.reason);
      putFacts(facts, factsOf(language));
      const ids = JSON.stringify(language.alerts);
      if (ids !== linked) links.replaceChildren(...alertLinks(language.alerts, data));
      linked = ids;
      const compared = JSON.stringify([language.accuracy, language.estimate, language.baseline_accuracy]);
      if (compared !== pictured) picture.replaceChildren(...picturesOf(language));
      pictured = compared;
    },
  };
}

function alertLinks(ids, data) {
  const alerts = data.snapshot.alerts.filter((alert) => ids.includes(alert.id));
  return alerts.flatMap((alert) => {
    const button = element("button", { type: "button", class: "plain-button" }, `! ${signalName(alert.signal)}: see the alert`);
    button.addEventListener("click", () => goToAlert(alert.id));
    return [button, " "];
  });
}

const complete = (share) => ![share.value, share.low, share.high].some(lacks);

function picturesOf(language) {
  const rows = [[QUALITY, language.accuracy, "labelled"], ["Estimate", language.estimate, "guessed"]].filter(([, share]) => complete(share));
  if (!rows.length) return [];
  return [
    element("div", { class: "compared-grid" },
      element("div", { class: "compared-rows" }, ...rows.map(([title]) => element("span", {}, title))),
      intervals(rows.map(([, share, style]) => ({ ...share, style })), language.baseline_accuracy, 240)),
    lacks(language.baseline_accuracy) ? null : element("p", { class: "aside" }, `dashed: ${percent(language.baseline_accuracy)} when the model was judged`),
  ].filter((part) => part !== null);
}

const shareText = (share) =>
  complete(share) ? `${percent(share.value)} (${bare(share.low)} to ${percent(share.high)})` : lacks(share.value) ? sentence(share.reason ?? ABSENT) : percent(share.value);

function factsOf(language) {
  const { latency, shadow } = language;
  return [
    ["Predictions", `${whole.format(language.predictions)} in all, ${whole.format(language.last_hour)} in the last hour`],
    ["Share of the last hour", lacks(language.share) ? "no predictions" : percent(language.share)],
    ["Busiest minute", language.per_minute.length ? whole.format(Math.max(...language.per_minute)) : ABSENT],
    ["Latency", latencyText(latency)],
    ["Mean confidence", lacks(language.confidence) ? "not logged" : language.confidence.toFixed(3)],
    [QUALITY, `${shareText(language.accuracy)}${complete(language.accuracy) ? `, newest ${whole.format(language.accuracy.n)} ${worded("labelled", "with a reference")}` : ""}`],
    ["Estimate", `${shareText(language.estimate)}${complete(language.estimate) ? `, newest ${whole.format(language.estimate.n)} predictions` : ""}`],
    [`${QUALITY} when judged`, lacks(language.baseline_accuracy) ? `not judged in this ${PLACE}` : percent(language.baseline_accuracy)],
    ["Would have been found", lacks(language.detectable_drop) ? "nothing yet, not even a total loss" : `a drop of ${points(language.detectable_drop)} or more`],
    ["Answered by", variantsText(language.variants)],
    ["Shadow", lacks(shadow) ? null : shadowText(shadow)],
  ];
}

function latencyText(latency) {
  const told = [["p50", latency.p50], ["p95", latency.p95], ["p99", latency.p99]].filter(([, value]) => !lacks(value));
  if (!told.length) return `too few answers in the last hour (${whole.format(latency.n)})`;
  const lacking = told.length < 3 ? "; too few for more" : "";
  return `${told.map(([name, value]) => `${name} ${milliseconds(value)} ms`).join(", ")}, from ${whole.format(latency.n)}${lacking}`;
}

function variantsText(variants) {
  const all = Object.entries(variants).sort(([, a], [, b]) => b - a);
  const sum = all.reduce((total, [, number]) => total + number, 0);
  return all.length ? all.map(([name, number]) => `${name} ${percent(number / sum, 0)}`).join(", ") : ABSENT;
}

function shadowText(shadow) {
  const flips = `${whole.format(shadow.flips)} of ${counted(shadow.n, "answer")} differ from the baseline model's: ${shareText(shadow.share)}`;
  if (!shadow.labelled) return `${flips}; none of them labelled`;
  return `${flips}; of ${whole.format(shadow.labelled)} labelled, ${shadow.lost} lost and ${shadow.won} won: ${shadow.verdict ?? "no verdict"}`;
}
