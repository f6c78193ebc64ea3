"""Dictionary learning: atoms in which signals have sparse codes."""

from sparsetransfer.dictionary.compatible import dict_learning, dict_learning_online
from sparsetransfer.dictionary.functional import learn_dictionary
from sparsetransfer.dictionary.learner import DictionaryLearning
from sparsetransfer.dictionary.masked_statistics import MaskedStatistics
from sparsetransfer.dictionary.minibatch import MiniBatchDictionaryLearning
from sparsetransfer.dictionary.online import learn_dictionary_online
from sparsetransfer.dictionary.result import LearnedDictionary, Progress
from sparsetransfer.dictionary.statistics import Statistics
from sparsetransfer.dictionary.steps.initialisation import initial_dictionary
from sparsetransfer.dictionary.steps.updates import update_dictionary, update_ksvd

__all__ = [
    "DictionaryLearning",
    "LearnedDictionary",
    "MaskedStatistics",
    "MiniBatchDictionaryLearning",
    "Progress",
    "Statistics",
    "dict_learning",
    "dict_learning_online",
    "initial_dictionary",
    "learn_dictionary",
    "learn_dictionary_online",
    "update_dictionary",
    "update_ksvd",
]
