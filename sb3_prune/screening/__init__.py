"""Screening: sort out fresh agents by a number that is measured early."""
