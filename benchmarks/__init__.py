"""Speed, memory and accuracy, measured on real clips; run from the checkout, not installed."""
