"""Reports: one HTML page and Markdown from the folders of runs, evaluations and tables."""
