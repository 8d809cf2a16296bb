// Prices to try: totals are linear in the price of a machine and in the cost of an error.

function startPrices() {}
