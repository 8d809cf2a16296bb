// Starts the page.

startSummary();
startAlerts();
startLanguages();
startPolling();
