"""`marey calibrate`: cameras from people, a board or the scene itself."""
