"""Runs: folders of training runs, checkpoints, copies of models, and many jobs."""

from sb3_prune.runs.cluster import on_cluster as on_cluster
from sb3_prune.runs.comparing import compare_runs as compare_runs
from sb3_prune.runs.folder import RunFolder as RunFolder
from sb3_prune.runs.jobs import Job as Job
from sb3_prune.runs.many import carry_out as carry_out
from sb3_prune.runs.reloading import reload as reload
from sb3_prune.runs.tables import read_table as read_table
from sb3_prune.runs.tables import write_table as write_table
from sb3_prune.runs.workers import Workers as Workers
