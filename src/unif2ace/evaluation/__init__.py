"""What a trained model is worth: scores on faces that it never saw, the evaluator of its pictures, tables, a page."""
