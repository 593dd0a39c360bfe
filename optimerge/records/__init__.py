"""What a study keeps: trials, scores, merge statistics, and the storage they live in."""
