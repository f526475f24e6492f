"""The science: data, features, model and metrics, and one step each for prepare, train and evaluate."""
