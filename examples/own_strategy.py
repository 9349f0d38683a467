"""A strategy of your own: subclass, define a score, pass an instance to the callback.

``python examples/own_strategy.py`` takes a few seconds. The score of a unit is the
variance of its activation over the agent's recent observations: a unit whose activation
never changes carries no information.
"""

import torch
from stable_baselines3 import DQN

import sb3_prune as sp
from sb3_prune.strategies import AgentView
from sb3_prune.strategies.gradual import GradualStrategy
from sb3_prune.surgery import HiddenLayer

torch.set_num_threads(1)


class Variance(GradualStrategy):
    """Remove the units whose activations vary least over recent observations."""

    name = "variance"

    def score(self, layer: HiddenLayer, agent: AgentView) -> torch.Tensor:
        """Return the variance of each unit's activation, (units,)."""
        return agent.activations()[layer.name].var(dim=0)


model = DQN(sp.MaskedDQNPolicy, "CartPole-v1", learning_starts=200, seed=0)
strategy = Variance(Variance.Config(final_sparsity=0.5, begin=0.3, end=0.9, steps=5))
model.learn(3_000, callback=sp.PruningCallback(strategy, verbose=1))
print(sp.wire(model.policy))
