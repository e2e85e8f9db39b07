"""The questions of the lessons: each module here that has some lists them as ``QUESTIONS``."""

import importlib
import pkgutil

QUESTIONS = {
    question.name: question
    for module in pkgutil.iter_modules(__path__)
    for question in getattr(importlib.import_module(f"{__name__}.{module.name}"), "QUESTIONS", ())
}
