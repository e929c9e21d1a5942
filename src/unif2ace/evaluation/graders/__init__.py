"""Graders, which score texts or pictures; selected with `grader=...`."""
