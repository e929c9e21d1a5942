"""Graders: they give texts or pictures a score, chosen with `grader=...`."""
