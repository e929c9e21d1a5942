"""Models that give the likelihood of an answer about a picture, chosen with `answer_likelihood=...`."""
