"""The merge engine: candidates are built in place, in one resident model."""
