"""Planar reaching arms for Gymnasium."""
