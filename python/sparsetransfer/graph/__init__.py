"""Exact nearest neighbours, neighbour graphs and their Laplacians."""

from sparsetransfer.graph.functional import knn_graph, laplacian, nearest_neighbours

__all__ = ["knn_graph", "laplacian", "nearest_neighbours"]
