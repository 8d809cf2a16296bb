// Draws the interval of a drop: a small strip in the table, and a larger picture with its numbers.

const inPoints = (value) => {
  const digits = Math.abs(value).toFixed(1);
  return digits === "0.0" ? digits : `${value < 0 ? "\u2212" : "+"}${digits}`;
};

// Strips are 120 wide and go from minus `limit` to plus `limit` points.
function stripOf(row, limit) {
  const { low, drop, high } = row.interval;
  const x = (points) => (Math.floor(600 * (1 + Math.max(-1, Math.min(1, points / limit))) + 0.5) / 10).toFixed(1);
  return drawn(
    "svg",
    { class: `strip ${row.verdict ?? "inconclusive"}`, viewBox: "0 0 120 14", "aria-hidden": "true" },
    drawn("path", { class: "zero", d: "M60 0V14" }),
    drawn("path", { class: "edge", d: `M${x(data.margin)} 0V14` }),
    drawn("path", { class: "span", d: `M${x(low)} 7H${x(high)}` }),
    low < -limit ? drawn("path", { class: "cut", d: "M5 3L1 7L5 11" }) : null,
    high > limit ? drawn("path", { class: "cut", d: "M115 3L119 7L115 11" }) : null,
    Math.abs(drop) > limit ? null : drawn("circle", { cx: x(drop), cy: 7, r: 3 }),
  );
}

// The whole interval with an axis of its own; the margin and no change are always in sight.
function pictureOf(row) {
  const { low, drop, high, bound } = row.interval;
  const ends = [low, high, bound ?? high, 0, data.margin];
  const least = Math.min(...ends);
  const span = Math.max(...ends) - least || 1;
  const x = (value) => (12 + (296 * (value - least)) / span).toFixed(1);
  const label = (value, y, text, style) =>
    drawn("text", { x: x(value), y, "text-anchor": anchorAt(x(value)), class: style }, text);
  const near = Math.abs(x(data.margin) - x(0)) < 60;
  return drawn(
    "svg",
    { class: `interval ${row.verdict ?? "inconclusive"}`, viewBox: "0 0 320 76", "aria-hidden": "true" },
    drawn("path", { class: "zero", d: `M${x(0)} 16V56` }),
    drawn("path", { class: "edge", d: `M${x(data.margin)} 16V56` }),
    label(data.margin, 11, `margin ${inPoints(data.margin)}`, "axis"),
    near ? null : label(0, 11, "no change", "axis"),
    drawn("path", { class: "span", d: `M${x(low)} 36H${x(high)}` }),
    drawn("path", { class: "end", d: `M${x(low)} 31V41M${x(high)} 31V41` }),
    bound === null ? null : drawn("path", { class: "bound", d: `M${x(bound)} 28V44` }),
    drawn("circle", { cx: x(drop), cy: 36, r: 4.5 }),
    label(low, 70, inPoints(low), "value"),
    label(high, 70, inPoints(high), "value"),
  );
}

function anchorAt(x) {
  return x < 50 ? "start" : x > 270 ? "end" : "middle";
}
