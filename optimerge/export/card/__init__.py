"""The model card of a build: what it is made of, how good it is, how to make it again."""
