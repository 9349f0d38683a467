"""Method 1: activation distances, clusters and projections, as a plug-in."""
