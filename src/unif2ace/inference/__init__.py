"""Inference with a trained model: its release folder, and a pipeline that generates faces and answers questions."""
