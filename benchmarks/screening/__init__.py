"""Screening by activation entropy: the experiments of Saad (2023), seed by seed."""
