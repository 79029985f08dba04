"""`marey evaluate`: saved predictions to numbers and a page."""
