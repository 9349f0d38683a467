"""Flow: what tracing finds in random policies, what a trial notices, and what both cost."""
