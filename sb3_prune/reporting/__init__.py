"""Reporting: finished runs as one HTML page, and as a folder for the model hub."""

from sb3_prune.reporting.card import write_card as write_card
from sb3_prune.reporting.page import write_report as write_report
