"""`marey solve`: videos or keypoints to a take, whatever ends the run in between."""
