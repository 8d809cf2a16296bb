// What the reader has chosen, and the address that keeps it: report.html#candidate=int8&beside=int4.

const data = JSON.parse(byId("page-data").textContent);

const state = {
  candidate: data.chosen,
  beside: null,
  sort: { key: "drop", descending: true },
  languages: "",
  verdicts: new Set(["harmed", "inconclusive", "safe"]),
};

const indexOf = (name) => {
  const index = data.candidates.findIndex((each) => each.name === name);
  return index < 0 ? null : index;
};

function chosenInAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  return asked.has("candidate")
    ? { candidate: indexOf(asked.get("candidate")), beside: indexOf(asked.get("beside")) }
    : null;
}

function addressOf(candidate, beside = null) {
  const asked = new URLSearchParams({ candidate: data.candidates[candidate].name });
  if (beside !== null) asked.set("beside", data.candidates[beside].name);
  return `#${asked}`;
}

function keepAddress() {
  try {
    history.replaceState(null, "", addressOf(state.candidate, state.beside));
  } catch {
    // Inside of a frame without an address of its own there is none to keep.
  }
}
