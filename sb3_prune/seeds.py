"""Seeds: where tests begin, so that they play other episodes than trainings.

Environment i of several gets seed + i, and trainings mostly have small seeds.
"""

TEST_SEED = 1_000_003
"""Seed of the first test episode. Commands add it to the seed of the training."""
