"""Several cameras: who is who, points in space, and bodies fitted to all views together."""
