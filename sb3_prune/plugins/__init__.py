"""Plug-ins: the hooks, the host that loads plug-ins, and look-ups of their classes."""

from sb3_prune.plugins.command import Command as Command
from sb3_prune.plugins.hookspecs import hookimpl as hookimpl
from sb3_prune.plugins.host import PluginHost as PluginHost
from sb3_prune.plugins.host import PluginWarning as PluginWarning
from sb3_prune.plugins.info import PluginInfo as PluginInfo
from sb3_prune.plugins.lookup import add_plugin as add_plugin
from sb3_prune.plugins.lookup import analyses as analyses
from sb3_prune.plugins.lookup import classes as classes
from sb3_prune.plugins.lookup import commands as commands
from sb3_prune.plugins.lookup import exporters as exporters
from sb3_prune.plugins.lookup import get as get
from sb3_prune.plugins.lookup import installed as installed
from sb3_prune.plugins.lookup import make as make
from sb3_prune.plugins.lookup import remove_plugin as remove_plugin
from sb3_prune.plugins.lookup import screeners as screeners
from sb3_prune.plugins.lookup import strategies as strategies
from sb3_prune.plugins.pluggable import Pluggable as Pluggable
