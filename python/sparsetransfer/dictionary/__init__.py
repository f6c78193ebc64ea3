"""Dictionary learning: atoms in which signals have sparse codes."""

from typing import TYPE_CHECKING

from sparsetransfer._former import former_names
from sparsetransfer.dictionary.compatible import dict_learning, dict_learning_online
from sparsetransfer.dictionary.functional import learn_dictionary
from sparsetransfer.dictionary.learner import DictionaryLearning
from sparsetransfer.dictionary.minibatch import MiniBatchDictionaryLearning
from sparsetransfer.dictionary.online import learn_dictionary_online
from sparsetransfer.dictionary.statistics import Statistics
from sparsetransfer.dictionary.steps.updates import update_dictionary

__all__ = [
    "DictionaryLearning",
    "MiniBatchDictionaryLearning",
    "Statistics",
    "dict_learning",
    "dict_learning_online",
    "learn_dictionary",
    "learn_dictionary_online",
    "update_dictionary",
]

if not TYPE_CHECKING:
    __getattr__ = former_names(
        __name__,
        {
            "LearnedDictionary": "dictionary.result",
            "MaskedStatistics": "dictionary.masked_statistics",
            "Progress": "dictionary.result",
            "initial_dictionary": "dictionary.steps.initialisation",
            "update_ksvd": "dictionary.steps.updates",
        },
    )
