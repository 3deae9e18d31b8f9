"""The composition root: builds the objects and hands them to each other."""

from hatchway.compose.application import Application, open_application, today

__all__ = ["Application", "open_application", "today"]
