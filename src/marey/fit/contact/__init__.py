"""Bodies that touch and must not run through each other."""
