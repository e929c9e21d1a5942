"""Parts of a report that know how they look in HTML and in Markdown."""
