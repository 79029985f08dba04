"""Networks, one folder each, behind small typed calls.

The image networks (person detector, body and hand landmarks, users' own models) run on onnxruntime
and know nothing of torch; `protocols` says what a detector and a landmark estimator look like to
the rest of marey. Import what you need from the folder itself: this file stays empty so that
nothing heavy loads along.
"""
