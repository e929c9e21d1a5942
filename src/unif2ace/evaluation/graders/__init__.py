"""Graders: what gives texts or pictures a score, chosen with `grader=...`."""
