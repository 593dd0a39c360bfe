"""Pictures of a run, by matplotlib: SVG and PNG that come out the same twice."""
