"""What is measured on a validation split: one metric a file, chosen with `metric=[...]`."""
