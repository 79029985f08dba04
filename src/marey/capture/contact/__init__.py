"""People who touch: where they do, and whose keypoints are whose while they do."""
