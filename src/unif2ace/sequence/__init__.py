"""How a row of tokens is laid out: ids, columns, who attends to whom, and which columns losses read."""
