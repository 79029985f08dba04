"""The verbs: detect, track, estimate, lift, fit; `pipeline` alone knows their order."""
