"""`marey export` and what else is written of a take."""
