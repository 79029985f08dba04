"""The least-squares heart: costs with analytic derivatives, batched and sequence solvers.

docs/fit.md shows what to call for what.
"""
