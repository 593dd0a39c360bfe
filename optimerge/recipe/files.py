"""What the recipes are called that commands write into a run's folder."""

EXPORTED = "recipe.yaml"
SOUP = "soup.yaml"
