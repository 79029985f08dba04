"""`marey refine` and the training of what it uses."""
