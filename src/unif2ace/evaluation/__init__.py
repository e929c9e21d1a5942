"""Evaluation of trained models on a validation split: scores, the evaluator classifier, tables and pages."""
