"""Reports on runs, evaluations and tables, as one HTML page and as Markdown."""
