"""What a trained model is worth: scores on faces that it never saw, the judge of its pictures, tables, a page."""
