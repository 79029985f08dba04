"""Complete settings for trainings, as functions that return them."""
