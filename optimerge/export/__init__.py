"""From a trial to a recipe, and from a recipe to a checkpoint."""
