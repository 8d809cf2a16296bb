// Numbers, times and names in words; what is absent says so.

const ABSENT = "n/a";

// A model that translates has language pairs, and no accuracy.
const TRANSLATES = document.documentElement.dataset.task === "translation";
const worded = (ofLanguages, ofPairs) => (TRANSLATES ? ofPairs : ofLanguages);
const PLACE = worded("language", "language pair");
const QUALITY = worded("Accuracy", "chrF reached");

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3, roundingMode: "floor" });
const compact = new Intl.NumberFormat("en", { notation: "compact", compactDisplay: "long", maximumSignificantDigits: 2, roundingMode: "floor" });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const clockShort = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

const HEALTHS = {
  "alert": { sign: "!", style: "alarmed", rank: 0 },
  "not enough data": { sign: "?", style: "unsettled", rank: 1 },
  "no baseline": { sign: "○", style: "unjudged", rank: 2 },
  "quiet": { sign: "✓", style: "quiet", rank: 3 },
};

const SIGNALS = new Map([
  ["accuracy", worded("Accuracy", "chrF reached")],
  ["estimate", worded("Estimated accuracy", "Estimated chrF reached")],
  ["confidence", "Confidence"],
  ["labels", "Mix of answers"],
  ["failures", "Failures"],
  ["ratio", "Length beside the source"],
  ["length", "Length of texts"],
  ["unknown", "Unknown tokens"],
  ["fragmentation", "Tokens per character"],
  ["script", "Script"],
  ["latency", "Slow answers"],
  ["traffic", `Mix of ${PLACE}s`],
]);

const signalName = (signal) => SIGNALS.get(signal) ?? signal;

const lacks = (value) => value === null || value === undefined;

const percent = (share, digits = 1) => (lacks(share) ? ABSENT : `${(share * 100).toFixed(digits)}%`);

const bare = (share) => (share * 100).toFixed(1);

// A difference in percentage points with its sign, a true minus and no "-0.0".
function signed(fraction) {
  if (lacks(fraction)) return ABSENT;
  const shown = Math.abs(fraction * 100).toFixed(1);
  if (Number(shown) === 0) return shown;
  return `${fraction < 0 ? "−" : "+"}${shown}`;
}

const points = (fraction) => `${bare(fraction)} point${bare(fraction) === "1.0" ? "" : "s"}`;

const milliseconds = (value) => (value < 10 ? value.toFixed(1) : whole.format(Math.round(value)));

// Where there is little room: 12,400 is 12.4K.
const brief = (number) => (number < 10_000 ? whole : short).format(number);

const counted = (number, noun) => `${whole.format(number)} ${noun}${number === 1 ? "" : "s"}`;

// Never less than the truth: what is small is told as one in so many, rounded down.
function chanceOf(chance) {
  if (lacks(chance)) return ABSENT;
  if (chance >= 0.001) return `at most ${Number((chance * 100).toPrecision(2))}%`;
  if (chance < 1e-14) return "less than 1 in 100 trillion";
  return `at most 1 in ${compact.format(1 / chance)}`;
}

function moment(iso, seconds = false) {
  const time = new Date(iso);
  const told = (seconds ? clock : clockShort).format(time);
  return day.format(time) === day.format(Date.now()) ? told : `${day.format(time)} ${told}`;
}

function span(seconds) {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return counted(Math.round(seconds / 86_400), "day");
}

const ago = (iso, now) => `${span((now - Date.parse(iso)) / 1_000)} ago`;

function timeOf(iso) {
  return element("time", { datetime: iso, title: iso }, moment(iso));
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

// "Swahili, Thai and 3 more".
function listed(names, most = 3) {
  if (names.length <= most) return names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
  return `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
}

const folded = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").trim().toLowerCase();
