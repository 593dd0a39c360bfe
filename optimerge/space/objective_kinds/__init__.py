"""What a search space says about each kind of objective beside tasks and sparsity, a file each."""
