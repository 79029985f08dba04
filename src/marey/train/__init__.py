"""Networks learn here: pairs of noisy and true windows, the loop, its state and its log."""
