// Starts the page: binds the tables together and opens what the address asks for.

function choose(candidate, beside = state.beside) {
  state.candidate = candidate;
  state.beside = beside === candidate ? null : beside;
  hideDetail();
  showLanguages();
  markChosen();
  keepAddress();
}

function openAddress() {
  const asked = chosenInAddress();
  if (asked === null || asked.candidate === null) return;
  choose(asked.candidate, asked.beside);
  byId("languages").scrollIntoView();
}

startDetail();
startCandidates(choose);
startLanguages(choose);
startGrid(choose);
startPrices();
showLanguages();
markChosen();
addEventListener("hashchange", openAddress);
openAddress();
