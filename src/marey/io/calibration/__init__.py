"""Calibrations of cameras, a module for each program's files."""
