// Prices to try: expected totals are linear in the price of a machine and in the cost of an error.

// Sliders are in powers of ten, from a hundredth to a hundred times; the middle is the price given.
const factorOf = (slider) => 10 ** Number(slider.value);

function startPrices() {
  if (!data.what_if) return;
  const sliders = [byId("error-factor"), byId("machine-factor")];
  for (const slider of sliders) slider.addEventListener("input", showPrices);
  byId("price-reset").addEventListener("click", () => {
    for (const slider of sliders) slider.value = 0;
    showPrices();
  });
  showPrices();
}

function showPrices() {
  const errors = factorOf(byId("error-factor"));
  const machines = factorOf(byId("machine-factor"));
  for (const kind of ["error-factor", "machine-factor"]) tellFactor(byId(kind), byId(`${kind}-text`));
  const bills = data.what_if.priced.map((priced) => billOf(priced, errors, machines));
  const untouched = errors === 1 && machines === 1;
  const cheapest = untouched ? data.what_if.cheapest : cheapestOf(bills);
  const rows = sortedBy(bills, (bill) => bill.total, false).map((bill) => priceRow(bill, bill.candidate === cheapest));
  byId("price-table").tBodies[0].replaceChildren(...rows);
  byId("price-told").textContent = cheapest === null ? "" : toldCheapest(cheapest, untouched);
}

function billOf(priced, errorFactor, machineFactor) {
  const infra = priced.infra * (priced.scales ? machineFactor : 1);
  const errors = priced.errors * errorFactor;
  return { candidate: priced.candidate, shippable: priced.shippable, infra, errors, total: infra + errors,
    before: priced.infra + priced.errors };
}

const cheapestOf = (bills) => sortedBy(bills.filter((bill) => bill.shippable), (bill) => bill.total, false)[0]?.candidate ?? null;

function toldCheapest(cheapest, untouched) {
  const { name } = data.candidates[cheapest];
  const stays = cheapest === data.what_if.cheapest;
  return untouched ? `Cheapest at the prices given: ${name}` : `Cheapest ${stays ? "still" : "now"}: ${name}`;
}

function tellFactor(slider, output) {
  const factor = factorOf(slider);
  const text = factor === 1 ? "as given" : `${factor < 10 ? factor.toPrecision(2) : Math.round(factor)}\u00d7`;
  output.textContent = text;
  slider.setAttribute("aria-valuetext", factor === 1 ? text : text.replace("\u00d7", " times"));
}

function priceRow(bill, isCheapest) {
  const candidate = data.candidates[bill.candidate];
  const change = Math.round(1000 * (bill.total / bill.before - 1)) / 10;
  const changed = change === 0 || !Number.isFinite(change) ? "0.0%" : `${change > 0 ? "+" : "\u2212"}${Math.abs(change).toFixed(1)}%`;
  const badge = isCheapest ? [" ", element("span", { class: "verdict safe" }, "cheapest")] : [];
  return element("tr", {},
    element("th", { scope: "row" }, nameOf(candidate), " ", statusOf(candidate), ...badge),
    ...[money(bill.infra), money(bill.errors), money(bill.total), changed].map((text) =>
      element("td", { class: "number" }, text)));
}

// As the report writes amounts: digits that an amount of its size can carry.
function money(amount) {
  const { currency } = data.what_if;
  const decimals = amount >= 100 || amount === 0 ? 0 : amount >= 1 ? 2 : Math.min(12, 1 - Math.floor(Math.log10(amount)));
  const digits = amount.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  return `${currency}${/[\p{L}\p{N}]$/u.test(currency) ? " " : ""}${digits}`;
}
