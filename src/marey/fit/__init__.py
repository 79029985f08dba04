"""The least-squares heart: costs with analytic derivatives, batched and sequence solvers."""
