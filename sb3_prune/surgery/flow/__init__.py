"""Flow: every tensor that holds a hidden unit, found by running the policy once."""
