"""Analyses of hidden units: from Feldotto et al. 2022, and other common measures."""

from sb3_prune_clusters.analyses.dendrograms import Dendrograms as Dendrograms
from sb3_prune_clusters.analyses.distances import Distances as Distances
from sb3_prune_clusters.analyses.dormancy import Dormancy as Dormancy
from sb3_prune_clusters.analyses.effective_rank import EffectiveRank as EffectiveRank
from sb3_prune_clusters.analyses.entropy import Entropy as Entropy
