"""Objectives: what a candidate is scored on, behind one protocol."""
