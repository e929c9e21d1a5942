"""Models that compute the likelihood of an answer about a picture, selected with `answer_likelihood=...`."""
