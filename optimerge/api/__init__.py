"""What a program imports: runs, spaces, builds. `import optimerge` gives it, and loads nothing."""
