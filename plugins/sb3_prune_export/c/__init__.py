"""C: an agent's decision as one header."""
