"""No deadlines: on a shared machine one example may take long for no reason."""

from hypothesis import settings

settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
