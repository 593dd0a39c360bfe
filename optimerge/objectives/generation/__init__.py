"""Generated answers: prompts made once a study, written on by every candidate."""
