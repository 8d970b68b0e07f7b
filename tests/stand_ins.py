"""What data frames, and data sets of Hugging Face, have for those who only read them."""

from __future__ import annotations

__all__ = ["ClassLabel", "DataSet", "Frame"]


class Frame:
    """What pandas and polars have in common."""

    def __init__(self, data):
        self.data = data
        self.columns = list(data)

    def __getitem__(self, name):
        return self.data[name]

    def head(self, n):
        return Frame({name: column[:n] for name, column in self.data.items()})


class ClassLabel:
    def __init__(self, names):
        self.names = names


class DataSet:
    """What a data set of Hugging Face has."""

    def __init__(self, data, features=None):
        self.data = data
        self.column_names = list(data)
        self.features = dict.fromkeys(data) | (features or {})

    def __len__(self):
        return len(next(iter(self.data.values()), ()))

    def __getitem__(self, key):
        if isinstance(key, slice | int):
            return {name: column[key] for name, column in self.data.items()}
        return self.data[key]
