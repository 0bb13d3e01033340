"""The questions about a cluster: asked by the screens and by the plain prompts alike.

Answers are the plain data of the cluster file. What each field means, its default and an example
are the model's own; what is wrong with an answer is said by the model too.
"""

from __future__ import annotations

from harbor_wizard.questions.answers import SECTIONS, Data, SecretAnswers, Section, get, put
from harbor_wizard.questions.catalogue import (
    HOST_QUESTIONS,
    QUESTIONS,
    asked,
    fresh,
    host_questions,
)
from harbor_wizard.questions.checking import (
    Problem,
    check,
    problems,
    reason_at,
    secret_reason,
    shaped,
    validate,
)
from harbor_wizard.questions.fitting import fit, take
from harbor_wizard.questions.hosts import for_access, host_reasons, pasted_hosts
from harbor_wizard.questions.question import Question

__all__ = [
    "HOST_QUESTIONS", "QUESTIONS", "SECTIONS", "Data", "Problem", "Question", "SecretAnswers",
    "Section", "asked", "check", "fit", "for_access", "fresh", "get", "host_questions",
    "host_reasons", "pasted_hosts", "problems", "put", "reason_at", "secret_reason", "shaped",
    "take", "validate",
]
