"""Flow: how reliable tracing and trials are on random policies, and what they cost.

Tracing finds the hidden layers of a policy and their slots. A trial checks by computing
outputs that removing units of a layer is safe.
"""
